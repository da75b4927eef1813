"""What can be known of a round before anything heavy is imported: that it is done already, or cannot be done.

Nothing here needs torch, nor does what it is asked about a project.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import cast

from askance.loop.project import Project
from askance.loop.strategy import Strategy
from askance.vocab import Json, LabelError, Labelled, Pick, Round, SelectionError
from askance.vocab.annotations import canonical
from askance.vocab.config import Config, ModelConfig, StrategyConfig, TrainConfig
from askance.vocab.errors import listed


@dataclass(frozen=True, slots=True)
class Trained:
    """A round after training.

    Attributes:
        round: as stored.
        metrics: `test_...` and `val_...`, empty without labelled test or validation images.
        fresh: False where this round had been trained on exactly this already.
        converged: whether training had settled before its step limit.
        log: what the task says of the training.
        unseen: split -> how many of its labelled images could not be read: files that are broken, or away.
    """

    round: Round
    metrics: Mapping[str, float]
    fresh: bool
    converged: bool
    log: Mapping[str, Json]
    unseen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picked:
    """A batch.

    Attributes:
        number: its round.
        picks: best first, with what the draws said of each.
        fresh: False where exactly this batch had been picked before.
        scored: how many images were scored.
        how: the strategy that picked them: as asked for, or where there is no model yet `uncertainty-herding`, to
            which everything is in doubt, or `random`.
        note: what a person should know: a fallback, a pool that ran out, a batch that this one takes the place of.
        beside_even: how it differs from a batch drawn evenly, see `loop.batch.beside_even`.
    """

    number: int
    picks: tuple[Pick, ...]
    fresh: bool
    scored: int
    how: str
    note: str = ""
    beside_even: Mapping[str, float] = field(default_factory=dict)


def trained_already(project: Project) -> Trained | None:
    """The last round, if it is trained on exactly the labels and settings there are.

    A round that did not see some images, as their files were away, is not: once they are back it is trained again.
    """
    last = project.last_round()
    splits = [project.labelled(split) for split in ("train", "val", "test")]
    if not last or not model_file(project, last.number).exists():
        return None
    then = last.config.get("settings")
    ways = [
        fingerprint(project, *splits),
        fingerprint(project, *splits, then=then if isinstance(then, dict) else {}),
    ]
    if last.config.get("inputs") not in ways:
        return None
    unseen = unseen_by(last)
    if any(unseen.values()) and not project.store.images().keys().isdisjoint(chain(*unseen.values())):
        return None
    return trained_of(last, project.store.metrics(last.number), fresh=False)


def trained_of(one: Round, metrics: Mapping[str, float], *, fresh: bool) -> Trained:
    """What is said of a training, from what its round keeps."""
    log = cast(dict[str, Json], one.config.get("training", {}))
    unseen = {split: len(ids) for split, ids in unseen_by(one).items() if ids}
    return Trained(one, metrics, fresh, bool(log.get("converged", True)), log, unseen)


def unseen_by(one: Round) -> dict[str, list[str]]:
    """Split -> ids of its labelled images that a round was neither trained nor measured on."""
    return cast(dict[str, list[str]], one.config.get("unseen", {}))


def check_labels(project: Project) -> None:
    """Refuse to train on labels that no model could learn from.

    Raises:
        LabelError: no classes, or labels of fewer than two of them.
    """
    train, classes = project.labelled("train"), project.config.classes
    if has_annotations(project.config):
        _check_annotations(train, classes)
    elif len(set(train.targets)) < 2:
        of = f", all of {classes[train.targets[0]]}" if len(train) else ""
        raise LabelError(
            "training labels of two classes or more",
            f"{len(train)} training labels{of}",
            "label a few images of every class first: askance pick, askance export, askance import",
        )


def has_annotations(config: Config) -> bool:
    """Whether what is said of an image is an annotation, not one class."""
    return config.task != "classification" or config.several


def _check_annotations(train: Labelled, classes: Sequence[str]) -> None:
    """Refuse annotations that name nothing."""
    if not any(said.classes for said in train.targets):
        of = f"{len(train)} training images with nothing in them" if len(train) else "none"
        raise LabelError(
            f"a training image with something of {listed(list(classes)) or 'a class'} in it",
            of,
            "label a few first: askance pick, askance export, askance import",
        )


def trainable(project: Project) -> bool:
    """Whether there are labels that a model could learn from."""
    try:
        check_labels(project)
    except LabelError:
        return False
    return True


def picked_already(project: Project, n: int) -> Picked | None:
    """The last batch, if it is what is asked for and not all of it is labelled."""
    last = project.last_round()
    if not last or last.state != "picked" or _as_now(last.config.get("request")) != request_of(project, n):
        return None
    earlier = project.store.picks(last.number)
    return picked_of(last, tuple(earlier), fresh=False) if pending(project, earlier) else None


def picked_of(current: Round, rows: tuple[Pick, ...], *, fresh: bool) -> Picked:
    """What is said of a batch, from what its round keeps."""
    config = current.config
    batch = cast(dict[str, float], config.get("batch", {}))
    scored, how = cast(int, config.get("scored", 0)), str(config.get("picked_by", ""))
    return Picked(current.number, rows, fresh, scored, how, beside_even=batch)


def check_pick(project: Project, n: int) -> None:
    """Refuse a batch that cannot be picked.

    Raises:
        ConfigError: a strategy that there is not, or that asks for what the task does not have.
        SelectionError: no image asked for, or none left; the last batch is half labelled, and the model is older.
    """
    Strategy.of(project.config.strategy).check_for(project.config.task, several=project.config.several)
    if n < 1:
        raise SelectionError("a batch of one image or more", f"n = {n}", "ask for -n 1 or more")
    last = project.last_round()
    if last and last.state == "picked" and (last.number or trainable(project)):
        _refuse_if_being_labelled(project, project.store.picks(last.number), last.number)
    if not project.unlabelled():
        raise SelectionError(
            "unlabelled images in the pool", "none", "add images to the pool's source and scan again"
        )


def request_of(project: Project, n: int) -> dict[str, Json]:
    """What a batch depends on beside its round; the same request twice is one batch."""
    return {**project.config.strategy.model_dump(mode="json"), "n": n}


def _as_now(request: Json) -> Json:
    """An earlier request, with what settings that came since would have said."""
    later: dict[str, Json] = StrategyConfig().model_dump(mode="json")
    return {**later, **request} if isinstance(request, dict) else request


def pending(project: Project, picks: list[Pick]) -> bool:
    """Whether some of a batch have no label yet."""
    labels = project.store.labels()
    return any(pick.image_id not in labels for pick in picks)


def _refuse_if_being_labelled(project: Project, picks: list[Pick], number: int) -> None:
    """Refuse to pick again while people are at a batch.

    Raises:
        SelectionError: some of it are labelled, and the model is older.
    """
    labels = project.store.labels()
    done = sum(pick.image_id in labels for pick in picks)
    if done:
        raise SelectionError(
            "a model that has seen the labels of the last batch",
            f"round {number}: {done} of {len(picks)} picks are labelled, and the model is older",
            "askance train, then pick again",
        )


def fingerprint(project: Project, *splits: Labelled, then: Mapping[str, Json] | None = None) -> str:
    """What training depends on, in 32 hex digits; and which images have an answer that is no class.

    The answers teach the model nothing. But a batch that got nothing else is done with: the next round begins.

    Args:
        project: its settings and its answers.
        splits: the labels.
        then: settings that an earlier version kept; those that came later, and say what they say unset, are left
            out, as it did.
    """
    parts = {"task", "classes", "seed", "model", "train"}
    if has_annotations(project.config):
        parts |= {"several", "detector"}
    settings = project.config.model_dump(mode="json", include=parts)
    if then is not None:
        for name, section in (("model", ModelConfig()), ("train", TrainConfig())):
            plain, known = section.model_dump(mode="json"), then.get(name)
            known = known if isinstance(known, dict) else {}
            settings[name] = {k: v for k, v in settings[name].items() if k in known or v != plain[k]}
    inputs: list[object] = [settings, [[split.ids, split.targets] for split in splits]]
    if answered := project.answered():
        inputs.append(answered)
    text = json.dumps(inputs, sort_keys=True, default=canonical)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def model_file(project: Project, number: int) -> Path:
    """Where a round's model lies, if it was trained."""
    return project.round_folder(number) / "model.safetensors"
