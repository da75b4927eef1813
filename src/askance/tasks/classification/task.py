"""Classification, as the loop asks for it.

Letters: N images, n that could be read, K draws, C classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from askance.maths import Chunk, Densities, Rows, keyed_seed
from askance.networks import checkpoint
from askance.networks.drawing import Drawing, drawing
from askance.networks.features import Extractor, draw
from askance.networks.model import (
    classes_of,
    is_of_networks,
    is_own,
    moves_of,
)
from askance.pool import Images
from askance.tasks.classification.answers import Answers, answers
from askance.tasks.classification.begin import Begin
from askance.tasks.classification.diagnose import diagnosis
from askance.tasks.classification.kinds import SeveralLabels, Targets, kind_of
from askance.tasks.classification.label_answers import LabelAnswers, check_several, label_answers
from askance.tasks.classification.label_metrics import label_diagnosis, label_metrics
from askance.tasks.classification.metrics import metrics
from askance.tasks.classification.near import check_features_stay, log_densities, rows_of
from askance.tasks.classification.nearest import neighbours
from askance.tasks.classification.reader import Reader
from askance.tasks.classification.targets import by_id, only_validated, targets_of
from askance.tasks.classification.units import chunks, stream
from askance.training.choice import choose
from askance.training.devices import devices_of, fabric_of
from askance.training.members import Starts, choose_members
from askance.training.posteriors import HeadTraining, check_posterior, fit_posterior
from askance.training.resume import Bookmarks, clear, fingerprint
from askance.training.steps import Examples, Recipe, check_options
from askance.uncertainty import SplitNet, is_plain
from askance.vocab import (
    ConfigError,
    Diagnosis,
    Fitted,
    Json,
    LabelError,
    Labelled,
    ModelError,
    Neighbour,
    Progress,
    silent,
)
from askance.vocab.config import ModelConfig, TrainConfig


class Classification:
    """Image classification by a network with a Bayesian head; satisfies `loop.contract.Task[SplitNet]`.

    Args:
        model: which network, how it looks at images, and what training moves.
        train: how it is fitted.
        classes: names, in the order of the outputs, each once; none or one while there is nothing to train on.
        images: where pixels come from.
        several: whether an image may have several of the classes, or none; targets are `Annotation`s of labels.
        features: folder for the features of a frozen trunk, computed once an image; None keeps them in memory.
        work: folder for trainings that are under way: one that was killed goes on from there, to the same weights,
            until its model is saved; None: it starts over.

    Raises:
        ConfigError: a name twice, or a device or precision there is not, or
            not so many devices.
    """

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        classes: Sequence[str],
        images: Images,
        *,
        several: bool = False,
        features: Path | None = None,
        work: Path | None = None,
    ) -> None:
        self.classes = tuple(classes)
        if len(set(self.classes)) < len(self.classes):
            raise ConfigError("class names, each once", ", ".join(classes), "set `classes` in askance.toml")
        self._model, self._train, self._images = model, train, images
        self._fabric, self._work = fabric_of(train), work
        devices_of(train, self._fabric)
        self._kind = kind_of(self.classes, several=several)
        if several:
            check_several(model, train)
        self._begin = Begin(model, len(self._kind.outputs), features, nothing=several)
        self._extractor = Extractor(images, model, self._fabric, features)
        self._reader = Reader(images, model, train, self._extractor, self._fabric)

    @property
    def problems(self) -> Mapping[str, str]:
        """Image id -> why it could not be read, for all images met so far."""
        return self._images.problems

    @property
    def pretrained(self) -> bool:
        """Whether the trunk has weights to begin with, which see something in images before any label."""
        return not is_own(self._model) and self._model.has_weights

    def fit(
        self,
        train: Labelled,
        val: Labelled,
        *,
        warm: SplitNet | None,
        seed: int,
        progress: Progress = silent,
    ) -> Fitted[SplitNet]:
        """Train on `train`, choose weight decay on `val` (may be empty), from `warm` if given.

        The order of the labels does not matter; same labels, seed and start: the same weights. An image that
        cannot be read is left out. The log says what was trained on, from what, and how it went.

        Raises:
            LabelError: fewer than two classes, no readable image, fewer than two classes among them, or no
                validation label to stop by.
            ConfigError: an option of training that could have no effect, see `check_options`.
            ModelError: the loss is no longer finite, or weights that do not fit.
        """
        train, val = by_id(train), by_id(val)
        targets = self._kind.targets(train, val)
        targets(val)
        targets.check(targets(train), len(train))
        start, said = self._begin.start(warm, seed)
        check_posterior(self._model, start)
        moves = moves_of(self._model, start)
        check_options(self._train, moves, validated=len(val) > 0)
        examples = self._reader.examples(start, train, targets, progress)
        validation = self._reader.validation(start, val, targets)
        present = targets.check(examples.targets, len(train))
        bookmarks = self._bookmarks(start, examples, (val, validation.targets, *targets.told), seed)
        recipe = Recipe(
            self._train, self._fabric, targets.objective, moves, self._model.has_weights, bookmarks=bookmarks
        )
        if is_of_networks(self._model, start):
            starts = Starts(start, partial(self._begin.further, start, seed), self._model.members)
            fitted = choose_members(starts, examples, validation, recipe, seed=seed, progress=progress)
        else:
            fitted = choose(start, examples, validation, recipe, seed=seed, progress=progress)
        said_of_posterior = self._over(fitted, train, targets, recipe, seed)
        log: dict[str, Json] = {
            "start": said,
            "moves": moves,
            "images": len(examples.targets),
            "unreadable": len(train) - len(examples.targets),
            "classes_without_labels": [name for name, n in zip(self.classes, present, strict=True) if not n],
            "classes_only_validated": only_validated(self.classes, val, present),
        }
        return Fitted(fitted.model, fitted.converged, {**log, **fitted.log, **said_of_posterior})

    def draws(
        self, model: SplitNet, ids: Sequence[str], *, k: int, seed: int, progress: Progress = silent
    ) -> Iterator[Chunk]:
        """K joint draws, one unit an image or a label, chunk by chunk; draw k is one function over all chunks.

        Of an ensemble there are no more draws than members. An image that cannot be read is in no chunk, and
        `problems` says why.

        Raises:
            ModelError: a model of other classes, or an unfit head.
        """
        posterior = self._posterior(model, k, seed)
        features = partial(self._extractor.all_of, model)
        return stream(ids, features, partial(draw, posterior), progress, self._kind.units)

    def log_density(
        self, model: SplitNet, ids: Sequence[str], *, labelled: Labelled, progress: Progress = silent
    ) -> Iterator[Densities]:
        """The log density of images under Gaussians fitted to the labelled ones' features, chunk by chunk.

        A density needs one space of features: of an ensemble it is the first network's.

        Raises:
            ModelError: a network without a trunk to have features, see `check_features_stay`.
            LabelError: no class with two readable labels whose features differ.
        """
        check_features_stay(model)
        features = partial(self._extractor.of, model)
        if self._several:  # one Gaussian over all: sets of labels are no classes
            labelled = Labelled(labelled.ids, (0,) * len(labelled))
        return log_densities(ids, labelled, features, 1 if self._several else len(self.classes), progress)

    def features(
        self, model: SplitNet | None, ids: Sequence[str], *, progress: Progress = silent
    ) -> Iterator[Rows]:
        """What the trunk makes of images, `[n, D]` a chunk; of an ensemble the first network's.

        Args:
            model: None for the trunk as it is before anything is trained, of a task that is `pretrained`.
            ids: of the images.
            progress: told of `scoring` after each chunk.

        Raises:
            ModelError: a network without a trunk to have features, see `check_features_stay`, or weights that
                cannot be had.
        """
        if model is None:
            return rows_of(ids, partial(self._extractor.once, self._begin.untrained), progress)
        check_features_stay(model)
        return rows_of(ids, partial(self._extractor.of, model), progress)

    def measure(
        self, model: SplitNet, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> dict[str, float]:
        """Metrics of the predictive distribution, the mean of K draws, over the readable images.

        Keys: `accuracy`, `error`, `nll`, `macro_recall`, `ece`, `adaptive_ece`, `brier`, `auroc` and
        `recall/<class>`, see `metrics`; `accuracy_deterministic`: of the network with its dropout off, of an
        ensemble the first. Of several labels see `label_metrics`.

        Raises:
            LabelError: there is no image to measure on.
        """
        if self._several:
            labels = self._labels(model, test, k=k, seed=seed, progress=progress)
            self._refuse_none(labels.ids, test)
            return label_metrics(labels, self.classes)
        said = self._answers(model, test, k=k, seed=seed, progress=progress)
        self._refuse_none(said.ids, test)
        plain = float((said.plain.argmax(dim=1) == said.targets).double().mean())
        return {**metrics(said.mean, said.targets, self.classes), "accuracy_deterministic": plain}

    @staticmethod
    def _refuse_none(ids: Sequence[str], test: Labelled) -> None:
        if not len(ids):
            raise LabelError(
                "test images that can be read", f"none of {len(test)}", "label some for the test split"
            )

    def diagnose(
        self, model: SplitNet, val: Labelled, test: Labelled, *, k: int, seed: int, progress: Progress = silent
    ) -> Diagnosis:
        """What the model confuses, how sure it may be, which labels it doubts; either set may be empty.

        Of the mean of K draws. The temperature is only reported: nothing is scored with it.
        """
        if self._several:
            parts = [self._labels(model, part, k=k, seed=seed, progress=progress) for part in (val, test)]
            return label_diagnosis(parts[0], parts[1], self.classes)
        said = [self._answers(model, part, k=k, seed=seed, progress=progress) for part in (val, test)]
        return diagnosis(said[0], said[1], self.classes)

    def nearest(
        self, model: SplitNet, ids: Sequence[str], labelled: Sequence[str], *, n: int = 3
    ) -> list[list[Neighbour]]:
        """For each image the n labelled ones most like it to the trunk, best first; none for an unreadable one.

        Of an ensemble, to the first network's trunk.
        """
        if not is_plain(model.head):  # nothing before the head but pixels, which are no likeness
            return [[] for _ in ids]
        asked, known = self._extractor.of(model, ids), self._extractor.of(model, labelled)
        return neighbours(asked, len(ids), known, labelled, n)

    def explain(self, model: SplitNet, ids: Sequence[str], *, k: int, seed: int) -> list[dict[str, Json]]:
        """For each image what the draws said, see `Kind.explain`; `{"problem": why}` for an unreadable one."""
        said: list[dict[str, Json]] = [{} for _ in ids]
        drawn, features = partial(draw, self._posterior(model, k, seed)), partial(self._extractor.all_of, model)
        for places, found in chunks(ids, features):
            for place, words in zip(places.tolist(), self._kind.explain(drawn(found)), strict=True):
                said[place] = words
        return [words or {"problem": self.problems[name]} for name, words in zip(ids, said, strict=True)]

    def save(self, model: SplitNet, path: Path) -> None:
        """Write the model as one safetensors file, whole or not at all; what was kept of its training goes."""
        checkpoint.save(model, self._model, self._kind.outputs, path)
        if self._work is not None:
            clear(self._work)

    def load(self, path: Path) -> SplitNet:
        """Read it back; same bytes, same answers.

        Raises:
            ModelError: not a model of this network and these classes.
        """
        return checkpoint.load(path, self._model, self._kind.outputs)

    def _answers(self, model: SplitNet, said: Labelled, *, k: int, seed: int, progress: Progress) -> Answers:
        targets = targets_of(said, len(self.classes))
        posterior = self._posterior(model, k, seed)
        features, drawn = partial(self._extractor.all_of, model), partial(draw, posterior)
        return answers(said.ids, targets, features, drawn, model.head, progress)

    def _labels(self, model: SplitNet, said: Labelled, *, k: int, seed: int, progress: Progress) -> LabelAnswers:
        """The same of several labels."""
        posterior = self._posterior(model, k, seed)
        features = partial(self._extractor.all_of, model)
        return label_answers(said, self.classes, features, partial(draw, posterior), progress)

    @property
    def _several(self) -> bool:
        return isinstance(self._kind, SeveralLabels)

    def _posterior(self, model: SplitNet, k: int, seed: int) -> Drawing:
        beside = len(self._kind.outputs) - len(self.classes)
        if classes_of(model) - beside != len(self.classes):
            raise ModelError(
                f"a model of {len(self.classes)} classes",
                str(classes_of(model) - beside),
                "train again for the new classes",
            )
        for member in model.members:
            member.to(self._fabric.device)
        return drawing(model, k, seed)

    def _over(
        self, fitted: Fitted[SplitNet], train: Labelled, numbers: Targets, recipe: Recipe, seed: int
    ) -> dict[str, Json]:
        """Give the trained network the posterior that was asked for, over its head, and say how it went."""
        net = fitted.model
        if self._model.posterior == "mc-dropout":
            return {}
        if net.others:
            return {"posterior": self._model.posterior}
        found = self._extractor.of(net, train.ids)
        targets = numbers(train)[found.places]
        rate = None if self._train.learning_rate is None else fitted.log["learning_rate"]
        config = self._train.model_copy(update={"learning_rate": rate, "trunk_learning_rate": None})
        recipe = replace(recipe, config=config, moves="head", freeze_statistics=True)
        decay = float(str(fitted.log["weight_decay"]))
        ids = tuple(train.ids[place] for place in found.places)
        training = HeadTraining(found.rows, targets, recipe, decay, ids)
        net.posterior, log = fit_posterior(self._model, net.head, training, keyed_seed("posterior", seed))
        return {"posterior": self._model.posterior, **log}

    def _bookmarks(
        self, start: SplitNet, examples: Examples, val: tuple[object, ...], seed: int
    ) -> Bookmarks | None:
        """Where the trainings of this model are kept; whatever they depend on is in their name."""
        if self._work is None:
            return None
        told = (self._model, self._train, self._kind.outputs, self._fabric.device.type, torch.__version__)
        return Bookmarks(
            self._work, fingerprint(start, *told, examples.ids, examples.targets, *val, keyed_seed("fit", seed))
        )
