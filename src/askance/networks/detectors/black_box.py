"""Detectors that nobody can look into: they return boxes, and that is all. How sure are they?

A deterministic one is asked twice, of an image and of its mirror: where it knows, both answers are the same. One
that answers otherwise each time is asked K times. See `uncertainty.matching` for which box is which.

Letters: N images, U things found, M boxes of a pass, K passes, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import Draws, keyed_seed
from askance.networks.detectors.boxes_given import Form, Reading
from askance.networks.detectors.sampled import joined
from askance.networks.found import Found
from askance.uncertainty.matching import Pass, matched, things_of
from askance.vocab import ConfigError, ModelError

Boxes: TypeAlias = Callable[[list[NDArray[np.uint8]]], Sequence[Any]]
"""Images `[H, W, 3]`, uint8 RGB, to boxes, scores and labels of each: three arrays, or a mapping by name."""

Asked = Literal["mirror", "passes"]
"""mirror: once, and once of the mirrored image; passes: K times, as it is random by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class BlackBox:
    """A callable that returns boxes, as a detector with draws. See `networks.found.Detector`.

    Args:
        call: from images to boxes, scores and labels of each. It is given one image at a time, so that its answers
            do not depend on what else was asked.
        classes: its C classes, in the order of its labels.
        asked: how its doubt is found. "mirror" makes two draws, whatever K is asked for.
        steady: where `asked` is "passes", the same detector without its randomness: its boxes are the things that
            are looked for in each pass; without it, those that the passes find together.
        form: what the four numbers of a box are.
        shares: whether they are shares of the image's width and height.
        first_label: the label of its first class, 0 or 1.

    Raises:
        ConfigError: no callable, no classes, another way to ask.
    """

    call: Boxes
    classes: tuple[str, ...]
    asked: Asked = "mirror"
    steady: Boxes | None = None
    form: Form = "edges"
    shares: bool = False
    first_label: Literal[0, 1] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        for name, one in (("call", self.call), ("steady", self.steady or self.call)):
            if not callable(one):
                raise ConfigError(f"{name} that can be called with images", type(one).__name__, "give a function")
        if not self.classes:
            raise ConfigError("the classes of the detector", "none", "name them, in the order of its labels")
        if self.asked not in get_args(Asked):
            raise ConfigError(f"asked one of {', '.join(get_args(Asked))}", str(self.asked), "choose one")
        self._reading()

    def found(self, images: Sequence[Tensor], *, k: int, seed: int, least: float = 0.05, most: int = 100) -> Found:
        """Boxes, and what its passes say of them. See `networks.found.Detector`.

        Raises:
            ModelError: boxes that cannot be read, told by the number of the image.
        """
        return joined([self._one(_Shown.of(one, i), k, seed, least, most) for i, one in enumerate(images)])

    def _one(self, shown: "_Shown", k: int, seed: int, least: float, most: int) -> Found:
        first = None
        if self.asked == "mirror":
            first = self._ask(self.call, shown)
            passes = [first, shown.turned(self._ask(self.call, shown.mirrored))]
        else:
            passes = [self._random(draw, seed, shown) for draw in range(k)]
            first = None if self.steady is None else self._ask(self.steady, shown)
        if first is None:
            things = things_of(passes, len(self.classes))
        else:
            things = first.kept(torch.nonzero(first.scores >= least).squeeze(-1)).most_likely(most).boxes
        said = matched(things, passes, len(self.classes))
        likely = said.log_probs[..., :-1].exp().mean(1)
        kept = torch.arange(len(things))
        if first is None:
            kept = torch.nonzero(likely.amax(-1) >= least).squeeze(-1)[:most]
        things, likely = things[kept], likely[kept]
        return Found(
            things,
            torch.zeros(len(things), dtype=torch.int64),
            1,
            shown.features(things, likely),
            Draws(said.log_probs[kept], joint=self.asked == "mirror"),
            said.boxes[kept],
            said.present[kept],
        )

    def _random(self, draw: int, seed: int, shown: "_Shown") -> Pass:
        """Torch's and numpy's numbers belong to the seed and the draw; others' are their own."""
        before = np.random.get_state()  # noqa: NPY002 - it is theirs that is asked for
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            number = keyed_seed("black box", seed, draw)
            torch.manual_seed(number)
            np.random.seed(number % 2**32)  # noqa: NPY002
            try:
                return self._ask(self.call, shown)
            finally:
                np.random.set_state(before)  # noqa: NPY002

    def _ask(self, call: Boxes, shown: "_Shown") -> Pass:
        answer: Any = call([shown.pixels])
        if not isinstance(answer, Sequence) or len(answer) != 1:
            got = f"{len(answer)}" if isinstance(answer, Sequence) else type(answer).__name__
            raise ModelError(
                "a list with the boxes, scores and labels of each image",
                f"{got} for one image",
                "return [(boxes, scores, labels)] of [image]",
            )
        return self._reading().read(answer[0], shown.size, shown.where)

    def _reading(self) -> Reading:
        return Reading(self.classes, self.form, self.shares, self.first_label)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """One image as the callable gets it.

    Attributes:
        pixels: `[H, W, 3]`, uint8 RGB.
        where: which it is, for people.
    """

    pixels: NDArray[np.uint8]
    where: str

    @classmethod
    def of(cls, image: Tensor, place: int) -> "_Shown":
        return cls(image.permute(1, 2, 0).contiguous().cpu().numpy(), f"image {place}")

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def mirrored(self) -> "_Shown":
        return _Shown(np.ascontiguousarray(self.pixels[:, ::-1]), f"{self.where}, mirrored")

    def turned(self, mirrored: Pass) -> Pass:
        """Boxes of the mirror, as of the image."""
        left, top, right, bottom = mirrored.boxes.unbind(-1)
        width = self.size[1]
        edges = torch.stack([width - right, top, width - left, bottom], -1)
        return Pass(edges, mirrored.scores, mirrored.labels)

    def features(self, things: Tensor, likely: Tensor) -> Tensor:
        """All that is known of a thing: its classes' probabilities, its place and size as shares of the image."""
        sides = things.new_tensor([self.size[1], self.size[0]])
        corner, far = things[:, :2] / sides, things[:, 2:] / sides
        return torch.cat([likely.to(things), (corner + far) / 2, (far - corner).clamp_min(1e-6).log() / 4], -1)
