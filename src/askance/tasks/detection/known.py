"""Detection by a whole detector: one known by name, an ONNX file, or a function of one's own.

Letters: N images, U boxes, K draws, C classes, D features.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.nn.functional import normalize

from askance.maths import Chunk, Densities, Rows, Units, detection_metrics
from askance.maths.box_diagnosis import ImageFacts, box_diagnosis
from askance.maths.boxes import Predictions, Truths
from askance.networks.detectors import Spec, detector_of, is_detector, units
from askance.networks.detectors import load as load_detector
from askance.networks.detectors import save as save_detector
from askance.networks.found import Detector, Trainable
from askance.networks.tensor_file import digest_of
from askance.pool import Images, Look
from askance.tasks.detection.answers import truths
from askance.tasks.detection.explain import explanations
from askance.tasks.detection.rows import densities_of
from askance.tasks.detection.targets import things
from askance.training.detectors import Recipe, fit_detector
from askance.vocab import ConfigError, Fitted, Json, LabelError, Labelled, ModelError, Progress, silent
from askance.vocab.box_diagnosis import BoxDiagnosis
from askance.vocab.config import DetectorConfig, ModelConfig
from askance.vocab.files import write_whole

FORMAT = "askance-black-box-1"
"""Of the file of a detector that is not ours to keep: which it is."""
_FEWEST = 0.01
"""The least probability of a box that counts for average precision."""


def is_known(name: str) -> bool:
    """Whether `model.name` is a detector by itself, and no trunk whose maps are cached.

    >>> is_known("torchvision/fcos_resnet50_fpn"), is_known("mine.onnx"), is_known("mobilenetv2_100")
    (True, True, False)
    """
    return is_detector(name) or name.endswith(".onnx") or ":" in name


class KnownDetection:
    """Objects with boxes, by a whole detector; satisfies `loop.contract.Task[Detector]`.

    Args:
        model: which detector, its weights and how it is drawn from.
        detector: what counts as found, and how long it is trained.
        classes: names, in the order of its labels.
        images: where pixels come from.
        sizes: image id -> its width and height, as people see it.

    Raises:
        ConfigError: a name twice.
    """

    def __init__(
        self,
        model: ModelConfig,
        detector: DetectorConfig,
        classes: Sequence[str],
        images: Images,
        *,
        sizes: Mapping[str, tuple[int, int]],
    ) -> None:
        self.classes = tuple(classes)
        if len(set(self.classes)) < len(self.classes):
            raise ConfigError("class names, each once", ", ".join(classes), "set `classes` in askance.toml")
        self._model, self._detector, self._images, self._sizes = model, detector, images, sizes
        self._place = {name: place for place, name in enumerate(self.classes)}

    @property
    def problems(self) -> Mapping[str, str]:
        """Image id -> why it could not be read, for all images met so far."""
        return self._images.problems

    @property
    def pretrained(self) -> bool:
        """False: before there are labels, its boxes are of no class of this project."""
        return False

    def fit(
        self, train: Labelled, val: Labelled, *, warm: Detector | None, seed: int, progress: Progress = silent
    ) -> Fitted[Detector]:
        """Train it on `train`, kept only if it is better on `val` by AP50; a black box stays as it is.

        Raises:
            LabelError: no readable image with an object.
            ModelError: weights that cannot be had, or a loss that is no number.
        """
        start: Any = warm if warm is not None else detector_of(self._model, self.classes, seed=seed)
        if not hasattr(start, "losses"):
            return Fitted(start, True, {"moves": "nothing", "start": "as it came", "images": len(train)})
        seen, unseen = self._readable(train), len(train)
        if not any(said.classes for said in seen.targets):
            raise LabelError(
                "a readable training image with an object in it", f"none of {len(train)}", "label some, then train"
            )
        checked = self._readable(val)
        better = self._ap50(checked, seed) if any(said.classes for said in checked.targets) else None
        recipe = Recipe(
            moves="all" if self._model.train == "all" else "head", epochs=self._detector.epochs or Recipe().epochs
        )
        done = fit_detector(
            cast(Trainable, start),
            seen,
            checked,
            self._pixels,
            recipe=recipe,
            seed=seed,
            better=better,
            progress=progress,
        )
        said = "from the last round" if warm is not None else f"weights: {self._model.weights or 'none'}"
        log: dict[str, Json] = {"start": said, "unreadable": unseen - len(seen), **done.log}
        return Fitted(done.model, done.converged, log)

    def draws(
        self, model: Detector, ids: Sequence[str], *, k: int, seed: int, progress: Progress = silent
    ) -> Iterator[Chunk]:
        """K draws over the boxes that one pass finds, image by image; an image may have none."""
        self._check(model)
        return self._chunks(model, ids, k=k, seed=seed, least=self._detector.least, progress=progress)

    def log_density(
        self, model: Detector, ids: Sequence[str], *, labelled: Labelled, progress: Progress = silent
    ) -> Iterator[Densities]:
        """The log density of images' rows (see `features`) under a Gaussian of the labelled ones'.

        Raises:
            LabelError: fewer than two readable labelled images.
        """
        return densities_of(partial(self.features, model, progress=progress), ids, [*labelled.ids])

    def features(
        self, model: Detector | None, ids: Sequence[str], *, progress: Progress = silent
    ) -> Iterator[Rows]:
        """Of each image the mean direction of what the network sees at its boxes, each by how sure it is.

        Raises:
            ModelError: there is no model.
        """
        if model is None:
            raise ModelError("a trained detector, for features of objects", "none yet", "train first")
        chunks = self._chunks(model, ids, k=2, seed=0, least=self._detector.least, progress=progress)
        return (Rows(chunk.positions, _row(chunk.units)) for chunk in chunks)

    def measure(
        self, model: Detector, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> dict[str, float]:
        """Metrics of what it finds, over the readable images; see `maths.detection_metrics`.

        Raises:
            LabelError: there is no image to measure on, or no object in any.
        """
        found, there, ids = self._answers(model, test, k, seed, progress)
        if not ids:
            raise LabelError(
                "test images that can be read", f"none of {len(test)}", "label some for the test split"
            )
        return detection_metrics(found, there, self.classes)

    def diagnose(
        self, model: Detector, val: Labelled, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> BoxDiagnosis:
        """How well it finds in the readable test images, and what it gets wrong; see `maths.box_diagnosis`."""
        found, there, ids = self._answers(model, test, k, seed, progress)
        facts = ImageFacts(ids, [self._sizes[name] for name in ids])
        return box_diagnosis(found, there, self.classes, facts, seed=seed)

    def explain(self, model: Detector, ids: Sequence[str], *, k: int, seed: int) -> list[dict[str, Json]]:
        """For each image its boxes and what the draws said of them; `{"problem": why}` for an unreadable one."""
        return explanations(self.draws(model, ids, k=k, seed=seed), ids, self.classes, self._sizes, self.problems)

    def save(self, model: Detector, path: Path) -> None:
        """Write it as one safetensors file; of a black box, only which it is."""
        if is_detector(self._model.name):
            save_detector(cast(Any, model), self._spec, path)
        else:
            tensors = {"black_box": torch.zeros(1)}
            about = {"format": FORMAT, "name": self._model.name, "digest": digest_of(tensors)}
            write_whole(path, to_bytes(tensors, metadata={"askance": json.dumps(about, sort_keys=True)}))

    def load(self, path: Path) -> Detector:
        """Read it back; same bytes, same answers.

        Raises:
            ModelError: not this detector, or of other classes.
        """
        if is_detector(self._model.name):
            return cast(Detector, load_detector(path, self._spec))
        return detector_of(self._model, self.classes)

    @property
    def _spec(self) -> Spec:
        return Spec.of(self._model, self.classes)

    def _check(self, model: Detector) -> None:
        if tuple(model.classes) != self.classes:
            raise ModelError(
                f"a detector of the classes {', '.join(self.classes)}",
                ", ".join(model.classes),
                "train again for the new classes",
            )

    def _pixels(self, image_id: str) -> Tensor:
        """`[3, H, W]`, uint8, as people see it.

        Raises:
            ModelError: it can be read no longer.
        """
        found, kept = self._images.load([image_id], Look(self._sizes[image_id], 3, "corner"))
        if not kept:
            raise ModelError(
                "an image that could be read before", f"{image_id}: {self.problems[image_id]}", "run it again"
            )
        return torch.from_numpy(found[0])

    def _readable(self, some: Labelled) -> Labelled:
        """Those that can be read: each is looked at once before the work begins."""
        for name in some.ids:
            self._images.load([name], Look(self._sizes[name], 3, "corner"))
        return some.without({name for name in some.ids if name in self.problems})

    def _chunks(
        self, model: Detector, ids: Sequence[str], *, k: int, seed: int, least: float, progress: Progress
    ) -> Iterator[Chunk]:
        for place, name in enumerate(ids):
            found, kept = self._images.load([name], Look(self._sizes[name], 3, "corner"))
            if kept:
                boxes = model.found(
                    [torch.from_numpy(found[0])], k=k, seed=seed, least=least, most=self._detector.most
                )
                made = units(boxes, least=least)
                weight = torch.ones(len(made.draws), dtype=torch.float64)
                yield Chunk(torch.tensor([place]), replace(made, about={**made.about, "weight": weight}))
            progress("scoring", place + 1, len(ids))

    def _answers(
        self, model: Detector, test: Labelled, k: int, seed: int, progress: Progress
    ) -> tuple[Predictions, Truths, list[str]]:
        """What is found, what people drew, and in which images, all in pixels of these."""
        self._check(model)
        chunks = list(self._chunks(model, test.ids, k=k, seed=seed, least=_FEWEST, progress=progress))
        seen = [int(chunk.positions[0]) for chunk in chunks]
        parts = [chunk.units.about for chunk in chunks]
        image = torch.cat(
            [torch.full((len(part["label"]),), i) for i, part in enumerate(parts)] or [torch.empty(0)]
        )
        boxes, scores, classes = (
            torch.cat([part[name].cpu() for part in parts] or [torch.empty(0)]).numpy()
            for name in ("boxes", "confidence", "label")
        )
        of = [things(test.targets[place], self._place, 1.0) for place in seen]
        return Predictions(boxes, scores, classes, image.numpy()), truths(of), [test.ids[place] for place in seen]

    def _ap50(self, val: Labelled, seed: int) -> Any:
        """How good a detector is on the validation images."""

        def quality(detector: Trainable) -> float:
            return self.measure(detector, val, k=2, seed=seed)["ap50"]

        return quality


def _row(of: Units) -> Float[Tensor, "n D"]:
    """One row an image: the mean direction at its boxes; zeros where nothing is found."""
    directions = normalize(of.about["features"].float(), dim=1) * of.about["confidence"].float()[:, None]
    total = torch.zeros(of.n_images, directions.shape[1]).index_add_(0, of.image.cpu(), directions.cpu())
    return normalize(total, dim=1)
