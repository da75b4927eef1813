"""Labels in, batches and labels out: files on one side, the store on the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from askance.integrations import (
    LabelRow,
    Matched,
    Rejected,
    as_labels,
    find_batch_folder,
    match,
    read_batch_folder,
    read_image_folder,
    read_label_csv,
    write_rejected,
)
from askance.loop.project import Project
from askance.vocab import LabelError


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file of labels.

    Attributes:
        new: images that had no label.
        changed: images whose label is another now; the old one stays in the history.
        unchanged: images that had this label already.
        empty: rows without a label yet.
        rejected: rows that could not be taken, with the reason.
        rejected_file: where they were written, to be mended and imported again; None where there are none.
        other_groups: images whose row names another group than the pool's source does, or one where it names none.
            Their labels are taken, the groups are not: it is the source that says which images belong together.
    """

    new: int
    changed: int
    unchanged: int
    empty: int
    rejected: tuple[Rejected, ...]
    rejected_file: Path | None
    other_groups: int = 0


def read_rows(path: Path) -> list[LabelRow]:
    """The rows of a CSV file, a batch folder, or a folder with a folder a class."""
    if not path.exists():
        raise LabelError(
            "a CSV file or a folder with a folder a class", f"{path}, which is not there", "check the path"
        )
    batch = find_batch_folder(path)
    if batch is not None:
        return read_batch_folder(batch)
    return read_image_folder(path) if path.is_dir() else read_label_csv(path)


def classes_of(rows: Sequence[LabelRow]) -> list[str]:
    """The class names that rows use, sorted."""
    return sorted({row.value for row in rows if row.value is not None})


def take_rows(project: Project, rows: Sequence[LabelRow], path: Path, who: str) -> Imported:
    """Store what can be taken, write the rest aside. Taking the same rows again changes nothing."""
    store = project.store
    images = store.images()
    roots = (project.source, str(path if path.is_dir() else path.parent))
    matched = _kept_apart(project, match(rows, images, store.sightings(), project.config.classes, roots=roots))
    for split in ("val", "test"):  # before the labels: a test image must never be a training image for a moment
        store.freeze([image_id for image_id, row in matched.labels.items() if row.split == split], split)
    added = store.add_labels(as_labels(matched, who=who, at=datetime.now(UTC), source=path.name))
    file = None
    if matched.rejected:
        file = project.root / "rejected" / f"{path.stem}.csv"
        write_rejected(file, matched.rejected)
    others = sum(row.group not in (None, images[image_id].group) for image_id, row in matched.labels.items())
    return Imported(added.new, added.changed, added.unchanged, matched.empty, matched.rejected, file, others)


def _kept_apart(project: Project, matched: Matched) -> Matched:
    """Reject rows that would move an image between splits, or one that a model may have seen into val or test."""
    store = project.store
    splits, seen = store.splits(), set(store.labels())
    seen |= {pick.image_id for one in store.rounds() for pick in store.picks(one.number)}

    def reason(image_id: str, row: LabelRow) -> str | None:
        if row.split is None or row.split == splits.get(image_id, "train" if image_id in seen else row.split):
            return None
        where = splits.get(image_id, "train")
        return f"the image is in the {where} set for good, the row says {row.split}: take `split` out of the row"

    reasons = {image_id: reason(image_id, row) for image_id, row in matched.labels.items()}
    labels = {image_id: row for image_id, row in matched.labels.items() if reasons[image_id] is None}
    moved = tuple(Rejected(row, why) for image_id, row in matched.labels.items() if (why := reasons[image_id]))
    return replace(matched, labels=labels, rejected=(*matched.rejected, *moved))
