"""Images by id, as arrays: what tasks read. Files and memory behind one Protocol."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Look(NamedTuple):
    """How images are brought to one shape.

    Attributes:
        size: pixels of the square side, or width and height.
        channels: 1 grey, 3 RGB.
        fit: `stretch` (aspect ignored), `crop` (shorter side, then the centre), `pad` (longer side, black bars),
            `corner` (as large as it fits, from the top left corner, black beyond).
    """

    size: int | tuple[int, int]
    channels: int
    fit: str = "stretch"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image that is brought to it.

        >>> Look((320, 256), 3).shape
        (3, 256, 320)
        """
        width, height = (self.size, self.size) if isinstance(self.size, int) else self.size
        return self.channels, height, width

    def scale(self, width: int, height: int) -> float:
        """What a `corner` look multiplies the pixels of an image by, so that it fits."""
        _, tall, wide = self.shape
        return min(wide / width, tall / height)


class Images(Protocol):
    """A set of images that can be read by id."""

    @property
    def problems(self) -> Mapping[str, str]:
        """Image id -> why it could not be read, for all reads so far."""
        ...

    def load(self, ids: Sequence[str], look: Look) -> tuple[NDArray[np.uint8], list[int]]:
        """Pixels `[n, *look.shape]` of the n readable images, and their places in `ids`.

        An image that cannot be read is left out and noted in `problems`; it never raises.
        """
        ...


class ArrayImages:
    """Images that are already in memory: data sets, tests, the demo.

    Args:
        pixels: `[N, H, W]` grey or `[N, 3, H, W]` colour, uint8.
        ids: one an image.
    """

    def __init__(self, pixels: NDArray[np.uint8], ids: Sequence[str]) -> None:
        if len(pixels) != len(ids):
            raise ValueError(f"{len(pixels)} images but {len(ids)} ids")
        self._pixels = pixels[:, None] if pixels.ndim == 3 else pixels
        self._place = {name: i for i, name in enumerate(ids)}
        self.problems: dict[str, str] = {}

    def load(self, ids: Sequence[str], look: Look) -> tuple[NDArray[np.uint8], list[int]]:
        """As `Images.load`; the arrays must already have the look that is asked for."""
        found = self._pixels[[self._place[name] for name in ids]]
        if found.shape[1:] != look.shape:
            raise ValueError(f"in-memory images are {found.shape[1:]}, the model wants {look}")
        return found, list(range(len(ids)))
