"""A task small enough to see through: features are random numbers that belong to an id, the model is a matrix."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from askance.maths import Chunk, Densities, Draws, Rows, Units, keyed_seed
from askance.vocab import Fitted, Json, Labelled, Progress, silent


class BoxTask:
    """Detection in miniature: every image has `boxes(id)` units, perhaps none; satisfies `loop.contract.Task`.

    Args:
        boxes: image id -> how many units it has.
        classes: C.
        unreadable: ids that cannot be read.
        chunk: images a chunk; nothing may depend on it.
    """

    def __init__(
        self, boxes: Mapping[str, int], classes: int = 3, unreadable: Sequence[str] = (), chunk: int = 4
    ) -> None:
        self.boxes, self.classes, self.chunk = dict(boxes), classes, chunk
        self._unreadable = set(unreadable)
        self.problems: dict[str, str] = {}
        self.pretrained = False

    def fit(
        self, train: Labelled, val: Labelled, *, warm: float | None, seed: int, progress: Progress = silent
    ) -> Fitted[float]:
        """The 'model' is one number that says how many labels it saw."""
        return Fitted((warm or 0.0) + len(train) + (seed % 97) / 100, True, {"labels": len(train)})

    def unit_logits(self, model: float, name: str, k: int, seed: int) -> torch.Tensor:
        """`[units, K, C]`, from the id, the model and the seed alone."""
        generator = torch.Generator().manual_seed(keyed_seed(name, seed, str(model)))
        return torch.randn(self.boxes[name], k, self.classes, generator=generator, dtype=torch.float64)

    def draws(
        self, model: float, ids: Sequence[str], *, k: int, seed: int, progress: Progress = silent
    ) -> Iterator[Chunk]:
        """Chunk by chunk, unreadable images left out."""
        for start in range(0, len(ids), self.chunk):
            names = ids[start : start + self.chunk]
            kept = [i for i, name in enumerate(names) if name not in self._unreadable]
            self.problems |= {name: "cannot be read" for name in names if name in self._unreadable}
            logits = torch.cat(
                [self.unit_logits(model, names[i], k, seed) for i in kept] or [torch.empty(0, k, 3)]
            )
            owner = torch.tensor([place for place, i in enumerate(kept) for _ in range(self.boxes[names[i]])])
            units = Units(Draws.from_logits(logits, joint=True), owner.long(), len(kept))
            yield Chunk(torch.tensor([start + i for i in kept]).long(), units)
            progress("scoring", start + len(names), len(ids))

    def log_density(
        self, model: float, ids: Sequence[str], *, labelled: Labelled, progress: Progress = silent
    ) -> Iterator[Densities]:
        """The more boxes an image has beyond those of any labelled one, the stranger it is."""
        most = max(self.boxes[name] for name in labelled.ids)
        for start in range(0, len(ids), self.chunk):
            names = ids[start : start + self.chunk]
            kept = [i for i, name in enumerate(names) if name not in self._unreadable]
            self.problems |= {name: "cannot be read" for name in names if name in self._unreadable}
            apart = torch.tensor([float(most - self.boxes[names[i]]) for i in kept], dtype=torch.float64)
            yield Densities(torch.tensor([start + i for i in kept]).long(), apart)

    def features(self, model: float | None, ids: Sequence[str], *, progress: Progress = silent) -> Iterator[Rows]:
        """Three numbers that belong to the id, of readable images."""
        for start in range(0, len(ids), self.chunk):
            names = ids[start : start + self.chunk]
            kept = [i for i, name in enumerate(names) if name not in self._unreadable]
            self.problems |= {name: "cannot be read" for name in names if name in self._unreadable}
            rows = [self.row(names[i]) for i in kept]
            yield Rows(
                torch.tensor([start + i for i in kept]).long(), torch.stack(rows or [torch.empty(3)])[: len(kept)]
            )

    def row(self, name: str) -> torch.Tensor:
        """`[3]`."""
        return torch.randn(3, generator=torch.Generator().manual_seed(keyed_seed("row", name)))

    def measure(
        self, model: float, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> dict[str, float]:
        """An 'error' that falls with the labels the model saw."""
        return {"error": 1 / (1 + model), "accuracy": 1 - 1 / (1 + model)}

    def explain(self, model: float, ids: Sequence[str], *, k: int, seed: int) -> list[dict[str, Json]]:
        """Something for people."""
        return [{"predicted": "0", "boxes": self.boxes[name]} for name in ids]

    def save(self, model: float, path: Path) -> None:
        """One number in a file."""
        path.write_text(json.dumps(model))

    def load(self, path: Path) -> float:
        """Read it back."""
        return float(json.loads(path.read_text()))


class SaidTask(BoxTask):
    """Boxes with all that a task may say of them: draws over `classes` - 1 classes and, last, nothing."""

    def said(self, name: str) -> dict[str, torch.Tensor]:
        """What belongs to the boxes of an image, `[units]` each."""
        generator = torch.Generator().manual_seed(keyed_seed("said", name))
        n = self.boxes[name]
        shares = torch.rand(4, n, generator=generator, dtype=torch.float64)
        label = torch.randint(self.classes - 1, (n,), generator=generator)
        weight = 1 + label.double()
        return {"confidence": shares[0], "spread": shares[1], "seen": shares[2], "label": label, "weight": weight}

    def draws(self, model: float, ids: Sequence[str], **named) -> Iterator[Chunk]:
        """As those of boxes, and what is said of each."""
        for chunk in super().draws(model, ids, **named):
            said = [self.said(ids[int(i)]) for i in chunk.positions]
            names = ("confidence", "spread", "seen", "label", "weight")
            about = {name: torch.cat([one[name] for one in said]) for name in names} if said else {}
            yield replace(chunk, units=replace(chunk.units, about=about))
