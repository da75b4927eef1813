"""Foreign records in and out: label CSVs, image folders, batches to be labelled elsewhere."""

from askance.integrations.rows import LabelRow, Matched, Rejected

__all__ = ["LabelRow", "Matched", "Rejected"]
