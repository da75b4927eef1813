"""Along which axis of a request for random numbers the images lie, by evidence.

A shape does not say it: 49 tokens of 7 images look like 7 windows of 7 images. So a network is run at two sizes of
a batch: what grows with the batch is the axis of images, and what stays belongs to all of them alike (tokens,
channels, weights). Where that leaves a doubt, the numbers are not shared, and draws are not called joint.

Letters: N images, W numbers an image along their axis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from askance.uncertainty.requests import Request


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the images lie in the numbers that a place asks for.

    Attributes:
        shape: what is asked for; along `place`, of one image.
        place: of the axis that is N * W long; None: the numbers do not grow with the batch and are for all images.
        inner: whether images change fastest along it, `[W * N]`; else one image's numbers lie together, `[N * W]`.
    """

    shape: tuple[int, ...]
    place: int | None = None
    inner: bool = False

    @property
    def each(self) -> int:
        """W."""
        return 1 if self.place is None else self.shape[self.place]

    def of(self, n: int) -> tuple[int, ...]:
        """The shape that n images ask for."""
        if self.place is None:
            return self.shape
        return (*self.shape[: self.place], n * self.each, *self.shape[self.place + 1 :])

    def spread(self, numbers: Tensor, n: int) -> Tensor:
        """Numbers of one image, or of all alike, as n images ask for them."""
        place = self.place
        if place is None:
            return numbers
        if self.each == 1:
            return numbers.expand(self.of(n))
        if self.inner:
            return numbers.repeat_interleave(n, place)
        return numbers.repeat(*(n if i == place else 1 for i in range(numbers.dim())))


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of all that a network asks for, by key.

    Attributes:
        of: where the images lie, for those of which it is known.
        why: in words, why it is not known of all; "" where it is.
    """

    of: Mapping[str, Axis] = field(default_factory=dict)
    why: str = ""

    @property
    def folded(self) -> list[str]:
        """Those of which a shape does not say whose numbers lie where: N * W along one axis."""
        return [key for key, axis in self.of.items() if axis.each > 1]

    def turned(self, key: str) -> "Axes":
        """The same, but that images change fastest along this axis."""
        return replace(self, of={**self.of, key: replace(self.of[key], inner=True)})


def axes_of(few: Sequence[Request], many: Sequence[Request], sizes: tuple[int, int]) -> Axes:
    """What two passes of the same network say, at two sizes of a batch that have no common divisor.

    >>> def asked(*shape): return Request("drop", 0, "bernoulli_", 0.5, True, shape)
    >>> axes_of([asked(49, 2, 16)], [asked(49, 3, 16)], (2, 3)).of["drop"]
    Axis(shape=(49, 1, 16), place=1, inner=False)
    >>> axes_of([asked(8, 4)], [asked(12, 4)], (2, 3)).of["drop"].of(5)
    (20, 4)
    >>> axes_of([asked(6)], [asked(7)], (2, 3)).why
    'drop asks for numbers [6] with 2 images and [7] with 3, and none of it is the images'
    """
    first, second = ({request.key: request for request in asked} for asked in (few, many))
    if list(first) != list(second):
        odd = sorted(set(first) ^ set(second))
        what = f"{odd[0] or 'the model'} asks" if odd else "it asks in another order"
        return Axes(why=f"{what} for random numbers by how many images there are")
    found, why = {}, ""
    for key, request in first.items():
        axis = _axis(request.shape, second[key].shape, sizes)
        if axis is not None:
            found[key] = axis
            continue
        grows = (
            f"{key or 'the model'} asks for numbers {list(request.shape)} with {sizes[0]} images and "
            f"{list(second[key].shape)} with {sizes[1]}"
        )
        why = why or f"{grows}, and none of it is the images"
    each = [one for one in few if not one.understood and one.key in found and found[one.key].place is not None]
    if each and not why:
        why = f"{each[0].key or 'the model'} is random by {each[0].op}: each image has numbers of its own"
    return Axes(found, why)


def _axis(few: tuple[int, ...], many: tuple[int, ...], sizes: tuple[int, int]) -> Axis | None:
    """The one axis that grows as the batch does, or none where nothing grows; None where neither is so."""
    if len(few) != len(many):
        return None
    grown = [i for i, (a, b) in enumerate(zip(few, many, strict=True)) if a != b]
    if not grown:
        return Axis(few)
    place = grown[0]
    each, rest = divmod(few[place], sizes[0])
    if len(grown) > 1 or rest or not each or many[place] != each * sizes[1]:
        return None
    return Axis((*few[:place], each, *few[place + 1 :]), place)
