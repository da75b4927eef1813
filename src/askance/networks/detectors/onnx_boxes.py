"""A detector in an ONNX file: images in, boxes out, whoever exported it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from askance.vocab import MissingExtra, ModelError

_COLUMNS = 6
"""Of a single output: left, top, right, bottom, score, label."""

_CHANNELS = 3


@dataclass(frozen=True, slots=True, eq=False)
class OnnxBoxes:
    """A callable for `BlackBox`: it brings images to the file's size, and boxes back to the image's.

    The file has one input, `[1, 3, H, W]` (or `[3, H, W]`), and gives boxes `[M, 4]`, scores `[M]` and labels
    `[M]`, with a first axis of 1 or none; or one output `[M, 6]`: box, score, label.

    Args:
        path: of the file.
        outputs: the names of boxes, scores and labels in it; None: those names, or its first three in this order.
        size: height and width to bring an image to; None: what the file says, or the image's own.
        scale: what pixels 0..255 are multiplied by.
        mean: subtracted after, of red, green and blue.
        std: what they are divided by after that.
        shares: whether its boxes are shares of its input, and not pixels of it.

    Raises:
        MissingExtra: onnxruntime is not installed.
        ModelError: no such file, one that is no ONNX, or without the outputs that were named.
    """

    path: Path
    outputs: tuple[str, str, str] | None = None
    size: tuple[int, int] | None = None
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shares: bool = False
    _session: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(self, "_session", _opened(self.path))
        object.__setattr__(self, "outputs", self._names())

    def __call__(self, images: list[NDArray[np.uint8]]) -> list[Mapping[str, NDArray[Any]]]:
        """Boxes in pixels of each image, scores and labels.

        Raises:
            ModelError: the file fails on an image.
        """
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Mapping[str, NDArray[Any]]:
        shown, inside = image.shape[:2], self._size(image)
        sized = image
        if inside != shown:
            sized = np.asarray(Image.fromarray(image).resize((inside[1], inside[0]), Image.Resampling.BILINEAR))
        pixels = (sized.astype(np.float32) * self.scale - self.mean) / self.std
        given = self._session.get_inputs()[0]
        batch = pixels.transpose(2, 0, 1).astype(np.float16 if "float16" in given.type else np.float32)
        batch = batch if len(given.shape) == _CHANNELS else batch[None]
        try:
            found = self._session.run(list(self.outputs or ()) or None, {given.name: batch})
        except Exception as error:  # the runtime has errors of its own for each fault
            said = str(error).strip().splitlines()[0]
            raise ModelError(
                f"{self.path.name} to run on an image of {shown[1]} x {shown[0]}", said, "set its size"
            ) from error
        boxes, scores, labels = _three([np.asarray(one) for one in found], self.path)
        back = np.array([shown[1], shown[0]] * 2, dtype=np.float64)
        if not self.shares:
            back = back / np.array([inside[1], inside[0]] * 2)
        return {"boxes": boxes * back, "scores": scores, "labels": labels}

    def _size(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        fixed = self._session.get_inputs()[0].shape[-2:]
        if self.size is not None:
            return self.size
        if all(isinstance(side, int) for side in fixed):
            return int(fixed[0]), int(fixed[1])
        return image.shape[0], image.shape[1]

    def _names(self) -> tuple[str, ...]:
        """Which outputs are read, in order."""
        there = [one.name for one in self._session.get_outputs()]
        wanted = ("boxes", "scores", "labels")
        if self.outputs is not None:
            if absent := [name for name in self.outputs if name not in there]:
                raise ModelError(
                    f"outputs {', '.join(self.outputs)}", f"no {', '.join(absent)} in {self.path}", _named(there)
                )
            return tuple(self.outputs)
        if all(name in there for name in wanted):
            return wanted
        if len(there) not in (1, 3):
            raise ModelError(
                "boxes, scores and labels",
                f"{len(there)} outputs in {self.path}: {', '.join(there)}",
                _named(there),
            )
        return tuple(there)


def _named(there: Sequence[str]) -> str:
    return f"set outputs to three of: {', '.join(there)}"


def _three(found: Sequence[NDArray[Any]], path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    flat = [one[0] if one.ndim > 1 and one.shape[0] == 1 and one.shape[-1:] != (1,) else one for one in found]
    if len(flat) == 1:
        rows = flat[0]
        if rows.ndim != 2 or rows.shape[1] != _COLUMNS:
            raise ModelError(
                "one output [M, 6]: box, score, label",
                f"{list(rows.shape)} from {path}",
                "export it with its suppression of doubles (NMS), so that it returns boxes",
            )
        return rows[:, :4].astype(np.float64), rows[:, 4], rows[:, 5]
    boxes, scores, labels = flat
    if boxes.size % 4 or (boxes.ndim and boxes.shape[-1] != 4 and boxes.size):
        raise ModelError(
            "boxes [M, 4] first", f"{list(boxes.shape)} from {path}", "set outputs: boxes, scores, labels"
        )
    return boxes.reshape(-1, 4).astype(np.float64), scores.reshape(-1), labels.reshape(-1)


def _opened(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("the library onnxruntime", str(error), "pip install 'askance[onnx]'") from error
    if not path.is_file():
        raise ModelError("an ONNX file", f"{path}, which is not there", "correct its path")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has errors of its own for each fault
        said = str(error).strip().splitlines()[0]
        raise ModelError(
            "an ONNX file", f"{path}: {said}", "export it again, see the page on detectors"
        ) from error
