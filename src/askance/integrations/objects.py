"""Whose objects are they: annotations of a foreign file find their image, or come back with the reason."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from askance.integrations.annotated import Annotated, AnnotationFile, Fault
from askance.integrations.classes import COMPARED, Questioned, Spelling, question, unknown_class
from askance.integrations.find import Finder, Lost
from askance.integrations.rows import LabelRow
from askance.integrations.turning import scaled, turned
from askance.pool import BadImage
from askance.pool.endings import is_image_name
from askance.vocab import Annotation, ImageRecord, Object
from askance.vocab.annotations import canonical
from askance.vocab.names import class_fault, tidy

NEAR = 0.01
"""How far two shapes of an image may be apart to be the same image in another size: a share of the longer."""


_ENDS = 20
"""Endings of images that are tried for a name without one."""


@dataclass(frozen=True, slots=True)
class FoundObjects:
    """Annotations that found their image.

    Attributes:
        annotations: image id -> what is said of it, in pixels of the image as people see it.
        rejected: what is not taken: whole images, and single objects of images that are taken without them.
        turned: images that had been labelled before they were turned as EXIF says, and are turned now.
        scaled: images that had been labelled in another size.
        scored: objects that carry a model's score.
    """

    annotations: dict[str, Annotation]
    rejected: tuple[Fault, ...]
    turned: int = 0
    scaled: int = 0
    scored: int = 0


@dataclass(frozen=True)
class Rules:
    """What is taken, and how.

    Attributes:
        classes: names that may be used; empty: any.
        doubtful: class -> why its objects are set aside, as `question_objects` says of a first file.
        orientation: place of an image -> its EXIF orientation; raises `BadImage`.
        scale: whether what was labelled in another size is scaled, where the shape is the same.
        known: the file's name of an image -> its id, asked before anything else; None where it is not known.
    """

    classes: Sequence[str]
    doubtful: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    orientation: Callable[[str], int] = lambda uri: 1
    scale: bool = False
    known: Callable[[str], str | None] = lambda name: None


def question_objects(file: AnnotationFile) -> Questioned:
    """The classes that a first file defines, in the order it lists them, and names that look like slips."""
    rows = [LabelRow("", name, value_as_written=name) for name in _names(file)]
    asked = question(rows)
    order = {tidy(name): place for place, name in enumerate(file.classes)}
    classes = tuple(sorted(asked.classes, key=lambda name: (order.get(name, len(order)), name)))
    unused = [tidy(name) for name in file.classes if tidy(name) not in asked.classes and tidy(name)]
    unused = [name for name in unused if name not in asked.doubtful]
    if not unused:
        return Questioned(classes, asked.doubtful, asked.notes)
    note = f"listed without an object, and no classes here: {', '.join(unused[:10])}"
    note += f" and {len(unused) - 10} more" if len(unused) > 10 else ""
    return Questioned(classes, asked.doubtful, (*asked.notes, note))


def object_classes(file: AnnotationFile, known: Sequence[str] = ()) -> list[str]:
    """The class names that objects have, as a project spells them, in the file's order."""
    spell = Spelling(known)
    found = dict.fromkeys([*file.classes, *_names(file)])
    used = set(_names(file))
    names = [spell(LabelRow("", name, value_as_written=name)) for name in found if name in used]
    return [name for name in dict.fromkeys(names) if name and (name in spell.known or class_fault(name) is None)]


def match_objects(file: AnnotationFile, finder: Finder, rules: Rules) -> FoundObjects:
    """Find the image of each annotation, and bring it to that image's pixels.

    Names are found as those of label rows are. Of an image whose size is not the file's nothing is taken, unless
    it was turned since, or `rules.scale` allows for a copy of the same shape. An object of a class that is not
    known, or outside its image, is left out and named; its image is taken without it.
    """
    work = _Match(finder, rules)
    for one in file.images:
        work.take(one)
    return work.done()


class Places:
    """Whose image a name in a file of annotations is: as label rows find theirs, with or without an ending.

    Args:
        finder: of the pool's images.
        known: asked first; None where it does not know the name.
    """

    def __init__(self, finder: Finder, known: Callable[[str], str | None] = lambda name: None) -> None:
        self._finder, self._known = finder, known
        uris = (image.uri.partition("::")[0] for image in finder.images.values())
        ends = {uri.rpartition(".")[2] for uri in uris if is_image_name(uri)}
        self._ends = sorted(ends - {""})[:_ENDS]

    def find(self, name: str) -> str | Lost:
        """An image's id, or why there is none."""
        known = self._known(name)
        if known is not None and known in self._finder.images:
            return known
        lost = self._finder.find(LabelRow(name.strip(), None, key_as_written=name))
        if not isinstance(lost, Lost) or not lost.reason.startswith("unknown image"):
            return lost
        stem = name.strip().rpartition(".")[0] if is_image_name(name.strip()) else name.strip()
        like = [self._finder.find(LabelRow(f"{stem}.{end}", None)) for end in self._ends if stem]
        found = {one for one in like if not isinstance(one, Lost)}
        return found.pop() if len(found) == 1 else lost

    def size(self, name: str) -> tuple[int, int] | None:
        """Width and height of the image of a name, pixels; None where there is none."""
        found = self.find(name)
        if isinstance(found, Lost):
            return None
        image = self._finder.images[found]
        return image.width, image.height


class _Match:
    """The work of `match_objects`."""

    def __init__(self, finder: Finder, rules: Rules) -> None:
        self._finder, self._rules = finder, rules
        self._spell, self._names = Spelling(rules.classes), Places(finder, rules.known)
        self._said: dict[str, str | None] = dict(rules.doubtful)
        self._found: dict[str, list[tuple[Annotated, Annotation]]] = defaultdict(list)
        self._rejected: list[Fault] = []
        self._counts: Counter[str] = Counter()

    def take(self, one: Annotated) -> None:
        """An annotation of one image."""
        image_id = self._names.find(one.name)
        if isinstance(image_id, Lost):
            self._refuse(one, image_id.reason)
            return
        fitted = self._fitted(one.annotation, self._finder.images[image_id])
        if isinstance(fitted, str):
            self._refuse(one, fitted)
            return
        self._found[image_id].append((one, self._known(one, fitted)))

    def done(self) -> FoundObjects:
        """All of it."""
        taken = {}
        for image_id, several in self._found.items():
            if len({canonical(said) for _, said in several}) == 1:
                taken[image_id] = several[0][1]
                continue
            names = ", ".join(f"{one.name} ({one.place})" for one, _ in several[:5])
            for one, _ in several:
                self._refuse(one, f"{len(several)} different annotations of one image: {names}")
        scored = sum(one.score is not None for said in taken.values() for one in said.objects or ())
        turned_, scaled_ = self._counts["turned"], self._counts["scaled"]
        return FoundObjects(taken, tuple(self._rejected), turned_, scaled_, scored)

    def _refuse(self, one: Annotated, why: str, thing: str = "") -> None:
        self._rejected.append(Fault(one.place, one.name, thing, why))

    def _fitted(self, said: Annotation, image: ImageRecord) -> Annotation | str:
        """In pixels of the image, or why it cannot be."""
        size, own = said.size, (image.width, image.height)
        if size is None or size == own:
            return replace(said, size=own)
        got = f"labelled at {size[0]} x {size[1]} pixels, and the image is {own[0]} x {own[1]}"
        if size == own[::-1]:
            orientation = self._orientation(image)
            if orientation < 5:
                return f"{got}: nothing in the file says that it is turned"
            self._counts["turned"] += 1
            return turned(said, orientation)
        if min(size) < 1 or abs(size[0] * own[1] / (size[1] * own[0]) - 1) > NEAR:
            return f"{got}, of another shape: is it another image, or cut out of it?"
        if not self._rules.scale:
            return f"{got}: --scale takes it, brought to the image's size"
        self._counts["scaled"] += 1
        return scaled(said, own)

    def _orientation(self, image: ImageRecord) -> int:
        try:
            return self._rules.orientation(image.uri)
        except BadImage:
            return 1

    def _known(self, one: Annotated, said: Annotation) -> Annotation:
        """With the objects and labels that can be taken, under the project's names."""
        if said.labels is not None:
            return said
        kept = []
        for place, thing in enumerate(said.objects or (), start=1):
            name = self._spell(LabelRow("", thing.name, value_as_written=thing.name))
            why = self._doubt(name) or _outside(thing, said.size)
            if why:
                self._refuse(one, why, f"object {place} ({thing.name})")
            else:
                kept.append(thing if name == thing.name else replace(thing, name=name))
        return replace(said, objects=tuple(kept))

    def _doubt(self, name: str) -> str | None:
        """Why a class is not taken; None where it is."""
        if name in self._spell.known:
            return None
        if name not in self._said:
            near = len(self._said) < COMPARED
            why = "an object without a class" if not name else class_fault(name)
            if why is None and self._spell.known:
                why = unknown_class(name, self._rules.classes, near=near)
            self._said[name] = why
        return self._said[name]


def _outside(thing: Object, size: tuple[int, int] | None) -> str | None:
    """Why nothing of an object is in its image; None where something is."""
    bounds = thing.bounds
    if bounds is None:
        return "nothing says where it is: no box, no outline, no point"
    if size is None:
        return None
    if bounds.right <= 0 or bounds.bottom <= 0 or bounds.left >= size[0] or bounds.top >= size[1]:
        edges = ", ".join(f"{edge:g}" for edge in (bounds.left, bounds.top, bounds.right, bounds.bottom))
        return f"outside the image of {size[0]} x {size[1]} pixels: its edges are {edges}"
    return None


def _names(file: AnnotationFile) -> Iterator[str]:
    """The class of each object, crowds' too."""
    for one in file.images:
        yield from (thing.name for thing in one.annotation.objects or ())
