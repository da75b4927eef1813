"""Foreign records in and out: label CSVs, image folders, batches to be labelled elsewhere."""

from askance.integrations.classes import Questioned, class_names, question
from askance.integrations.files import How
from askance.integrations.match import as_labels, match
from askance.integrations.read import read_image_folder, read_label_csv
from askance.integrations.rows import LabelRow, Matched, Rejected
from askance.integrations.write import (
    write_batch_csv,
    write_batch_folder,
    write_labels_csv,
    write_labels_image_folder,
    write_rejected,
)

__all__ = [
    "How",
    "LabelRow",
    "Matched",
    "Questioned",
    "Rejected",
    "as_labels",
    "class_names",
    "match",
    "question",
    "read_image_folder",
    "read_label_csv",
    "write_batch_csv",
    "write_batch_folder",
    "write_labels_csv",
    "write_labels_image_folder",
    "write_rejected",
]
