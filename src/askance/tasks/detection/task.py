"""Detection on the cached maps of a frozen trunk, as the loop asks for it.

Letters: N images, n that could be read, U boxes, K draws, C classes, M heads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from askance.maths import Chunk, Densities, Rows, Units, detection_metrics, difficulty_weights
from askance.maths.box_diagnosis import ImageFacts, box_diagnosis
from askance.networks.found import Found, units
from askance.networks.maps import MapReader, MapTrunk
from askance.pool import Images
from askance.pool.shapes import commonest_input
from askance.tasks.detection.answers import Boxes, at_size, predicted, predictions, truths
from askance.tasks.detection.explain import explanations
from askance.tasks.detection.finding import Drawn, Search, find
from askance.tasks.detection.fitting import BoxObjective, CachedMaps, fit_heads
from askance.tasks.detection.model import DenseModel, Shape, load, save
from askance.tasks.detection.moving import whole_recipe, with_trunk
from askance.tasks.detection.rows import densities_of, rows_of_objects, rows_of_patches
from askance.tasks.detection.targets import Things, things
from askance.training.dense import DenseRecipe
from askance.training.devices import fabric_of
from askance.vocab import ConfigError, Fitted, Json, LabelError, Labelled, ModelError, Progress, silent
from askance.vocab.box_diagnosis import BoxDiagnosis
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

CHUNK = 32
"""Images whose maps are in memory at a time."""
_FEWEST = 0.01
"""The least probability of a box that counts for average precision."""


class Detection:
    """Objects with boxes, by small heads on a frozen trunk's maps; satisfies `loop.contract.Task[DenseModel]`.

    Args:
        model: the trunk, how many heads there are (`members`), and what is drawn from: `ensemble` (each head is
            a draw), `mc-dropout` or `dropout-moments` (each head under its dropout, too) or `softmax`.
        train: on which device.
        detector: the maps and the heads.
        classes: names, in the order of the outputs.
        images: where pixels come from.
        sizes: image id -> its width and height, as people see it.
        features: folder for the maps; None keeps them in memory.

    Raises:
        ConfigError: a name twice, or a posterior that heads on maps do not have.
    """

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        detector: DetectorConfig,
        classes: Sequence[str],
        images: Images,
        *,
        sizes: Mapping[str, tuple[int, int]],
        features: Path | None = None,
    ) -> None:
        self.classes = tuple(classes)
        if len(set(self.classes)) < len(self.classes):
            raise ConfigError("class names, each once", ", ".join(classes), "set `classes` in askance.toml")
        if model.posterior not in POSTERIORS:
            raise ConfigError(
                f"model.posterior = {' or '.join(POSTERIORS)}", model.posterior, "change it in askance.toml"
            )
        self._model, self._train, self._detector = model, train, detector
        self._images, self._sizes, self._folder = images, sizes, features
        self._fabric = fabric_of(train)
        self._moved: tuple[object, MapReader] | None = None
        self._place = {name: place for place, name in enumerate(self.classes)}

    @property
    def problems(self) -> Mapping[str, str]:
        """Image id -> why it could not be read, for all images met so far."""
        return self._images.problems

    @property
    def pretrained(self) -> bool:
        """Whether the trunk has weights to begin with, which see something in images before any label."""
        return self._model.has_weights

    @property
    def input(self) -> tuple[int, int]:
        """Width and height that images are brought to."""
        return self._detector.input or commonest_input(self._sizes.values())

    def fit(
        self,
        train: Labelled,
        val: Labelled,
        *,
        warm: DenseModel | None,
        seed: int,
        progress: Progress = silent,
    ) -> Fitted[DenseModel]:
        """Train the heads on `train`, from those of `warm` if they are of the same classes and maps.

        Raises:
            LabelError: no readable image with an object.
            ModelError: the loss is no longer finite, or weights that cannot be had.
        """
        order = sorted(range(len(train)), key=train.ids.__getitem__)
        ids, said = [train.ids[i] for i in order], [train.targets[i] for i in order]
        places = self._reader.prepare(ids, mirrored=False, progress=progress)
        if self._detector.mirror:
            self._reader.prepare([ids[place] for place in places], mirrored=True, progress=progress)
        seen = [ids[place] for place in places]
        of = [self._things(ids[place], said[place]) for place in places]
        if not any(len(one.classes) for one in of):
            raise LabelError(
                "a readable training image with an object in it", f"none of {len(ids)}", "label some, then train"
            )
        levels, shape = self._trunk.levels, self._shape
        objective = BoxObjective(of, len(self.classes), levels[0], self.input[0])
        start = warm if warm is not None and warm.can_go_on(levels, self.classes) else None
        model, losses = fit_heads(
            CachedMaps(self._reader, seen),
            objective,
            levels,
            self.classes,
            shape,
            self._recipe(len(seen), start is not None),
            members=self._model.members,
            seed=seed,
            start=start,
            progress=progress,
        )
        model, moved = self._with_trunk(model, seen, objective, val, seed, progress)
        per_class = torch.stack([torch.bincount(one.classes, minlength=len(self.classes)) for one in of]).sum(0)
        log: dict[str, Json] = {
            "start": "from scratch" if start is None else "from the last round",
            **moved,
            "images": len(seen),
            "objects": int(per_class.sum()),
            "unreadable": len(ids) - len(seen),
            "loss": [round(loss, 6) for loss in losses],
            "classes_without_labels": [name for name, n in zip(self.classes, per_class, strict=True) if not n],
            "quality": {name: round(q, 4) for name, q in zip(self.classes, model.quality, strict=True)},
        }
        return Fitted(model, True, log)

    def _with_trunk(
        self, model: DenseModel, ids: Sequence[str], of: BoxObjective, val: Labelled, seed: int, progress: Progress
    ) -> tuple[DenseModel, dict[str, Json]]:
        """The model with its trunk trained too, where that is asked for and no worse; and what to log."""
        recipe = whole_recipe(self._model, self._train, self._detector)
        if recipe is None:
            return model, {"moves": "head"}
        known = any(val.targets[place].classes for place in self._reader.prepare(val.ids, progress=progress))
        better = (lambda one: self.measure(one, val, k=1, seed=seed)["ap50"]) if known else None
        return with_trunk(
            model, self._trunk, self._reader, ids, of, recipe, better=better, seed=seed, progress=progress
        )

    def draws(
        self, model: DenseModel, ids: Sequence[str], *, k: int, seed: int, progress: Progress = silent
    ) -> Iterator[Chunk]:
        """K draws over the boxes that are found, chunk by chunk; an image may have none.

        Of an ensemble there are no more draws than heads. Boxes are in pixels of the image as people see it.
        """
        self._check(model)
        for positions, found in self._found(model, ids, k, seed, progress):
            yield Chunk(positions, self._units(model, found))

    def log_density(
        self, model: DenseModel, ids: Sequence[str], *, labelled: Labelled, progress: Progress = silent
    ) -> Iterator[Densities]:
        """The log density of images' rows (see `features`) under a Gaussian of the labelled ones', chunk by chunk.

        Raises:
            LabelError: fewer than two readable labelled images.
        """
        return densities_of(partial(self.features, model, progress=progress), ids, [*labelled.ids])

    def features(
        self, model: DenseModel | None, ids: Sequence[str], *, progress: Progress = silent
    ) -> Iterator[Rows]:
        """One row an image of what the trunk sees in its objects, chunk by chunk: alike objects, near rows.

        Without a model, objects are the patches that stand out most; so they are where a model finds nothing.
        """
        for positions, maps in self._chunks(model, ids, progress):
            if model is None:
                yield Rows(positions, rows_of_patches(maps))
            else:
                yield Rows(positions, rows_of_objects(self._find(model, maps, 1, 0), maps, self.input))

    def measure(
        self, model: DenseModel, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> dict[str, float]:
        """Metrics of what the mean of the heads finds, over the readable images; see `maths.detection_metrics`.

        Raises:
            LabelError: there is no image to measure on, or no object in any.
        """
        self._check(model)
        parts, starts, seen = self._predicted(model, test.ids, progress)
        if not seen:
            raise LabelError(
                "test images that can be read", f"none of {len(test)}", "label some for the test split"
            )
        of = [self._things(test.ids[place], test.targets[place]) for place in seen]
        return detection_metrics(predictions(parts, starts), truths(of), self.classes)

    def diagnose(
        self,
        model: DenseModel,
        val: Labelled,
        test: Labelled,
        *,
        k: int,
        seed: int,
        progress: Progress = silent,
    ) -> BoxDiagnosis:
        """How well it finds in the readable test images, and what it gets wrong; validation is not asked.

        See `maths.box_diagnosis`; boxes are in pixels of the images as people see them.
        """
        self._check(model)
        parts, starts, seen = self._predicted(model, test.ids, progress)
        names = [test.ids[place] for place in seen]
        of = [self._things(test.ids[place], test.targets[place]) for place in seen]
        scales = [self._scale(name) for name in names]
        found, there = at_size(predictions(parts, starts), truths(of), scales)
        facts = ImageFacts(names, [self._sizes[name] for name in names])
        return box_diagnosis(found, there, self.classes, facts, seed=seed)

    def explain(self, model: DenseModel, ids: Sequence[str], *, k: int, seed: int) -> list[dict[str, Json]]:
        """For each image its boxes and what the draws said of them; `{"problem": why}` for an unreadable one."""
        return explanations(self.draws(model, ids, k=k, seed=seed), ids, self.classes, self._sizes, self.problems)

    def save(self, model: DenseModel, path: Path) -> None:
        """Write the heads as one safetensors file, whole or not at all."""
        save(model, self._about_trunk, self._shape, path)

    def load(self, path: Path) -> DenseModel:
        """Read them back; same bytes, same answers.

        Raises:
            ModelError: not a model of these maps.
        """
        return load(path, self._about_trunk)

    @cached_property
    def _trunk(self) -> MapTrunk:
        detector = self._detector
        return MapTrunk(self._model, self.input, detector.stride, self._folder, compact=detector.compact)

    @cached_property
    def _reader(self) -> MapReader:
        return MapReader(self._images, self._trunk, self._detector, self._fabric, self._folder)

    @property
    def _about_trunk(self) -> str:
        width, height = self.input
        compact = ", compact" if self._detector.compact else ""
        return f"maps of {self._model.name} at {width} x {height}, stride {self._detector.stride}{compact}"

    @property
    def _shape(self) -> Shape:
        return Shape(self._detector.width, self._detector.separable, self._model.dropout)

    def _recipe(self, n: int, warm: bool) -> DenseRecipe:
        detector = self._detector
        recipe = DenseRecipe(detector.epochs, detector.learning_rate, detector.weight_decay, detector.mirror)
        return recipe.warmed(n) if warm else recipe

    def _things(self, image_id: str, said: object) -> Things:
        return things(said, self._place, self._scale(image_id))  # type: ignore[arg-type]  # of this task's labels

    def _scale(self, image_id: str) -> float:
        return self._reader.look.scale(*self._sizes[image_id])

    def _check(self, model: DenseModel) -> None:
        if model.classes != self.classes:
            raise ModelError(
                f"a model of the classes {', '.join(self.classes)}",
                ", ".join(model.classes),
                "train again for the new classes",
            )

    def _reader_of(self, model: DenseModel | None) -> MapReader:
        """What reads the maps that a model's heads take; those of a moved trunk are not kept."""
        if model is None or not model.moved:
            return self._reader
        if self._moved is None or self._moved[0] is not model.moved:
            self._moved = model.moved, self._reader.of_trunk(self._trunk.moved(model.moved))
        return self._moved[1]

    def _chunks(
        self, model: DenseModel | None, ids: Sequence[str], progress: Progress
    ) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        reader = self._reader_of(model)
        for start in range(0, len(ids), CHUNK):
            found = reader.of(ids[start : start + CHUNK])
            if found.places:
                yield torch.tensor(found.places) + start, found.levels
            progress("scoring", min(start + CHUNK, len(ids)), len(ids))

    def _found(
        self, model: DenseModel, ids: Sequence[str], k: int, seed: int, progress: Progress
    ) -> Iterator[tuple[Tensor, Found]]:
        """What is found, in pixels of the images."""
        for positions, maps in self._chunks(model, ids, progress):
            found = self._find(model, maps, k, seed)
            names = [ids[place] for place in positions.tolist()]
            scale = torch.tensor([self._scale(name) for name in names])[found.image]
            most = torch.tensor([[*self._sizes[name]] * 2 for name in names], dtype=torch.float32)[found.image]
            boxes = torch.minimum((found.boxes / scale[:, None]).clamp_min(0), most)
            drawn = torch.minimum((found.box_draws / scale[:, None, None]).clamp_min(0), most[:, None])
            yield positions, replace(found, boxes=boxes, box_draws=drawn)

    def _find(self, model: DenseModel, maps: Sequence[Tensor], k: int, seed: int) -> Found:
        search = Search(self._detector.least, self._detector.most)
        return find(model, maps, search, Drawn(self._model.posterior, k, seed))

    def _units(self, model: DenseModel, found: Found) -> Units:
        found_units = units(found, least=self._detector.least)
        weight = difficulty_weights(torch.tensor(model.quality))[found_units.about["label"]]
        return replace(found_units, about={**found_units.about, "weight": weight})

    def _predicted(
        self, model: DenseModel, ids: Sequence[str], progress: Progress
    ) -> tuple[list[Boxes], list[int], list[int]]:
        parts: list[Boxes] = []
        starts: list[int] = []
        seen: list[int] = []
        search = Search(_FEWEST, self._detector.most)
        for positions, maps in self._chunks(model, ids, progress):
            starts.append(len(seen))
            parts.append(predicted(model, maps, search))
            seen += positions.tolist()
        return parts, starts, seen


POSTERIORS = ("ensemble", "dropout-moments", "mc-dropout", "softmax")
"""What heads on maps are drawn by."""
