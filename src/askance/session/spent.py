"""What labels have cost: images that were looked at, objects and points that were drawn, and seconds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from askance.loop.project import Project
from askance.vocab import Split


@dataclass(frozen=True, slots=True)
class Spent:
    """The labels in force of a split, in what people are paid by.

    Attributes:
        images: that somebody has labelled or answered.
        objects: in them; of several labels, labels.
        points: of these objects, that somebody has placed.
        seconds: it took to say all that was ever said of these images, as far as somebody measured.
    """

    images: int = 0
    objects: int = 0
    points: int = 0
    seconds: float = 0.0

    @property
    def told(self) -> str:
        """In words.

        >>> Spent(3, 12, 0, 95.0).told
        '3 images, 12 objects, 95 seconds'
        """
        parts = [f"{self.images:,} images", f"{self.objects:,} objects"]
        parts += [f"{self.points:,} points"] if self.points else []
        return ", ".join(parts + ([f"{self.seconds:,.0f} seconds"] if self.seconds else []))


def spent(project: Project) -> Mapping[Split, Spent]:
    """What the labels of each split have cost; an image in no split is `train`."""
    store, splits = project.store, project.store.splits()
    images: Counter[Split] = Counter()
    objects: Counter[Split] = Counter()
    points: Counter[Split] = Counter()
    seconds: dict[Split, float] = {}
    for image_id, label in store.labels().items():
        split = splits.get(image_id, "train")
        images[split] += 1
        said = label.annotation
        if said is not None:
            objects[split] += len(said.objects) if said.objects is not None else len(said.labels or ())
            points[split] += sum(point.visible > 0 for one in said.objects or () for point in one.points)
    for label in store.revisions():
        split = splits.get(label.image_id, "train")
        seconds[split] = seconds.get(split, 0.0) + (label.seconds or 0.0)
    every: tuple[Split, ...] = ("train", "val", "test")
    return {one: Spent(images[one], objects[one], points[one], seconds.get(one, 0.0)) for one in every}
