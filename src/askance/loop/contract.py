"""What the loop asks of a task, and of the images. Tasks satisfy it by shape; nothing is inherited.

Letters: N images, U units (`U = N` in classification), K draws, C classes, D features.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from askance.maths import Chunk, Densities, Rows
from askance.vocab import Fitted, Json, Labelled, Progress, silent

M = TypeVar("M")
"""The task's own model type; the loop only hands it back."""


class Task(Protocol[M]):
    """Everything the loop needs to know about classification, detection, segmentation or pose."""

    @property
    def problems(self) -> Mapping[str, str]:
        """Image id -> why it could not be read, for all images met so far."""
        ...

    @property
    def pretrained(self) -> bool:
        """Whether something is seen in images before any label: `features` of no model."""
        ...

    def fit(
        self, train: Labelled, val: Labelled, *, warm: M | None, seed: int, progress: Progress = silent
    ) -> Fitted[M]:
        """Train on `train`, choose on `val` (may be empty), from `warm` if given. Same inputs, same model."""
        ...

    def draws(
        self, model: M, ids: Sequence[str], *, k: int, seed: int, progress: Progress = silent
    ) -> Iterator[Chunk]:
        """K joint draws over the units of the images, chunk by chunk; draw k is one function over all chunks."""
        ...

    def log_density(
        self, model: M, ids: Sequence[str], *, labelled: Labelled, progress: Progress = silent
    ) -> Iterator[Densities]:
        """How near images are to labelled ones in the model's own features, chunk by chunk; for novelty.

        Any number, nats: values compare within one call alone. Of an image with several units, or none, the task
        says what its features are.
        """
        ...

    def features(self, model: M | None, ids: Sequence[str], *, progress: Progress = silent) -> Iterator[Rows]:
        """What the model sees in images before it decides, one row an image, chunk by chunk.

        Alike images have rows that are near. Of an image with several units, or none, the task says what its
        features are. Without a model: what is seen before any label, where the task is `pretrained`.
        """
        ...

    def measure(
        self, model: M, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> dict[str, float]:
        """Metrics of the predictive distribution (the mean of K draws) on labelled images."""
        ...

    def explain(self, model: M, ids: Sequence[str], *, k: int, seed: int) -> list[dict[str, Json]]:
        """For each image, what the draws said: for people and for the report."""
        ...

    def save(self, model: M, path: Path) -> None:
        """Write the model as one safetensors file, whole or not at all."""
        ...

    def load(self, path: Path) -> M:
        """Read it back; same bytes, same answers."""
        ...
