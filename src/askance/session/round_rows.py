"""What a report knows of each round: how it was measured, under which settings, and beside which earlier one."""

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import cast

from askance.loop.project import Project
from askance.maths import paired_shares
from askance.report import RoundRow
from askance.report.boxes import EVEN
from askance.report.data import Beside
from askance.session.box_reporting import found_boxes
from askance.session.evidence import diagnosis_of, neighbours_of
from askance.vocab import Json, Round
from askance.vocab.answers import labels_in

FEW = 10
"""Test images that two rounds must share to be set beside each other."""

_NO_MATTER = {"train.device", "train.devices"}
"""Settings that change where a model is trained, and not what comes of it."""


def round_row(project: Project, one: Round) -> RoundRow:
    """What is known of a round: its metrics, its labels, its picks."""
    metrics = project.store.metrics(one.number)
    test = {key.removeprefix("test_"): value for key, value in metrics.items() if key.startswith("test_")}
    training = cast(Mapping[str, Json], one.config.get("training", {}))
    kept = diagnosis_of(project, one)
    answers = kept.found.answers if kept else {}
    return RoundRow(
        number=one.number,
        labels=one.labels,
        metrics=test,
        tested=cast(int, one.config.get("tested", 0)),
        labelled=cast(Mapping[str, int], one.config.get("labelled", {})),
        picked=_picked(project, one),
        converged=bool(training.get("converged", True)),
        seconds=_seconds(project, one),
        classes_tested=sum(name.startswith("recall/") for name in test),
        test=_name(answers),
        settings=settings_of(one),
        objects=_objects(project, one),
    )


def _picked(project: Project, one: Round) -> Counter[str]:
    """Classes that the model took the picked images for; all of them, where an image may have several.

    Of objects, those that it finds in the picked images at even odds.
    """
    whys = [pick.why for pick in project.store.picks(one.number)]
    if project.config.task == "detection":
        return Counter(box.name for why in whys for box in found_boxes(why) if box.confidence >= EVEN)
    predicted = [str(why["predicted"]) for why in whys if "predicted" in why]
    if not project.config.several:
        return Counter(predicted)
    return Counter(name for said in predicted for name in labels_in(said, project.config.classes))


def _objects(project: Project, one: Round) -> int:
    """Boxes that the model was trained on; 0 where labels are no boxes."""
    if project.config.task != "detection":
        return 0
    return sum(cast(Mapping[str, int], one.config.get("labelled", {})).values())


def settings_of(one: Round) -> dict[str, str]:
    """Settings of model and training as a round ran, `model.size` -> `224`, and classes; empty if not kept."""
    kept = cast(Mapping[str, Json], one.config.get("settings", {}))
    found = {
        f"{section}.{name}": str(value)
        for section in ("model", "train")
        for name, value in cast(Mapping[str, Json], kept.get(section, {})).items()
    }
    if isinstance(classes := kept.get("classes"), list):
        found["classes"] = ", ".join(map(str, classes))
    return {name: value for name, value in found.items() if name not in _NO_MATTER}


def beside(project: Project, rounds: list[Round]) -> Beside | None:
    """The last trained round beside the earliest of the same settings, on the test images that both saw."""
    trained = [one for one in rounds if one.labels]
    if not trained or not (now := _answers(project, trained[-1])):
        return None
    like = settings_of(trained[-1])
    for one in trained[:-1]:
        then = _answers(project, one)
        same = [name for name, (given, _) in now.items() if name in then and then[name][0] == given]
        if len(same) < FEW or settings_of(one) != like:
            continue
        before = [then[name][0] == then[name][1] for name in same]
        after = [now[name][0] == now[name][1] for name in same]
        counts = Counter(zip(before, after, strict=True))
        _, low, high = paired_shares(
            counts[True, True], counts[True, False], counts[False, True], counts[False, False]
        )
        n = len(same)
        return Beside(one.number, one.labels, n, sum(before) / n, sum(after) / n, low, high)
    return None


def _answers(project: Project, one: Round) -> Mapping[str, tuple[str, str]]:
    kept = diagnosis_of(project, one)
    return kept.found.answers if kept else {}


def _name(answers: Mapping[str, tuple[str, str]]) -> str:
    """A name for a test set: its images and their labels; empty where they were not kept."""
    said = sorted((image, given) for image, (given, _) in answers.items())
    return blake2b(repr(said).encode(), digest_size=8).hexdigest() if said else ""


def _seconds(project: Project, one: Round) -> dict[str, float]:
    """What the steps of a round took."""
    seconds = dict(cast(Mapping[str, float], one.config.get("seconds", {})))
    for step, kept in (("diagnose", diagnosis_of(project, one)), ("neighbours", neighbours_of(project, one))):
        if kept:
            seconds[step] = kept.seconds
    return seconds
