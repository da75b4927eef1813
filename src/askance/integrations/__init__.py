"""Foreign records in and out: label CSVs, image folders, batches to be labelled elsewhere."""

from askance.integrations.batch_folder import Written, write_batch_package
from askance.integrations.classes import Questioned, class_names, question
from askance.integrations.files import How
from askance.integrations.labelled_folder import find_batch_folder, read_batch_folder
from askance.integrations.match import as_labels, match
from askance.integrations.read import read_image_folder, read_label_csv
from askance.integrations.rows import LabelRow, Matched, Rejected
from askance.integrations.several import one_each, read_several_csv
from askance.integrations.sheet import Batch
from askance.integrations.write import (
    write_batch_csv,
    write_batch_folder,
    write_labels_csv,
    write_labels_image_folder,
    write_rejected,
)

__all__ = [
    "Batch",
    "How",
    "LabelRow",
    "Matched",
    "Questioned",
    "Rejected",
    "Written",
    "as_labels",
    "class_names",
    "find_batch_folder",
    "match",
    "one_each",
    "question",
    "read_batch_folder",
    "read_image_folder",
    "read_label_csv",
    "read_several_csv",
    "write_batch_csv",
    "write_batch_folder",
    "write_batch_package",
    "write_labels_csv",
    "write_labels_image_folder",
    "write_rejected",
]
