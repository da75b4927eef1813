"""What an honest comparison is asked for, on TrashNet's waste.

A linear probe of frozen features is cheap enough to run every arm over again on pools as they are in life: plain,
uneven, with wrong labels, with images of no class.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from askance.pool import MAX_PIXELS, FileImages
from askance.pool.scanning import content_id
from askance.report.claims import Claim
from askance.simulation.experiment import Experiment, Problem
from askance.studies.papers.trunk import TRUNK, weights_beside
from askance.studies.problems import mistaken, of_one_class, stratified
from askance.studies.simulations import settings_for
from askance.studies.studies import Part, Study
from askance.vocab import ConfigError

Pool = Literal["plain", "uneven", "mistakes", "strangers"]

ARMS = (
    *("random", "class-balanced-random", "margin", "max-entropy", "bald", "power:bald", "epig", "power:epig"),
    *("badge", "max-herding", "uncertainty-herding"),
)
SEEDS = 10

DEFAULT = "uncertainty-herding"
"""What a project picks by where nobody says otherwise."""

WRONG = 0.15
"""The chance of each label to be wrong in the pool `mistakes`."""

LEFT = (256, 128, 64, 32, 16, 8)
"""Images that are left of each class in the pool `uneven`."""

STRANGERS = 1000
"""Images of no class in the pool `strangers`, at most."""

LEVELS = (0.3, 0.2)
"""Errors that labels are counted to: all labels give less than 0.2."""

DATA = {
    "plain": "TrashNet, 30 % of each class for testing",
    "uneven": f"the same, of which {', '.join(map(str, LEFT))} of the classes are left to pick from",
    "mistakes": f"the same, where {WRONG:.0%} of the labels that are bought are wrong",
    "strangers": "the same among boards of DeepPCB",
}

AGAIN = {
    *("cardboard361", "metal76", "paper108", "paper22", "paper52", "paper547", "paper148", "paper99", "paper284"),
    *("paper390", "paper349", "paper308", "paper451", "paper466", "paper534"),
}
"""Photographs that are nearly another's copy; the other stays."""

NOTES = (
    "this is no paper's experiment: it has the arms and pools that the field's checklists ask for",
    "the trunk is MobileNetV2 as ImageNet made it and stays so, under dropout of 0.5 and one linear layer, which "
    "is trained anew each round; its penalty is c = 10, for all arms and sizes",
    f"{SEEDS} seeds, each with start labels and test images of its own. Splits share most of their images: "
    "intervals are over splits of these, not over others",
    "near-copies, and photographs that are there under two classes, are left out",
    "features are computed once: the seconds of the run that needs them first have that in them",
)


def trashnet(folder: Path, *, quick: bool = False) -> Study:
    """The study on the images of `folder`, with strangers and a trunk's weights beside it.

    Raises:
        ConfigError: they are not there.
    """
    seeds = tuple(range(3 if quick else SEEDS))
    size = len(waste(str(folder)).pool)
    tens: dict[str, Any] = {"start": 6, "batch": 10, "until": 36 if quick else 176, "seeds": seeds}
    forties: dict[str, Any] = {"start": 24, "batch": 40, "until": 104 if quick else 264, "seeds": seeds}
    hundreds: dict[str, Any] = {"start": 60, "batch": 100, "until": 260 if quick else 660, "seeds": seeds}
    whole: dict[str, Any] = {"start": size, "batch": 1, "until": size, "seeds": seeds, "strategies": ("random",)}
    return Study(
        "trashnet-quick" if quick else "trashnet",
        "What an honest comparison is asked for, on waste",
        "G. Thung and M. Yang, *TrashNet* (2016): six classes of waste, an object a photograph.",
        (*NOTES, *(("quick: 3 seeds, few rounds",) if quick else ())),
        (
            _part(folder, "ten", "From one label a class to a tenth of the pool", **tens),
            _part(folder, "hundred", "A hundred a round", **hundreds),
            _part(folder, "uneven", "A pool with rare classes", "uneven", **forties),
            _part(folder, "mistakes", "Labels of which some are wrong", "mistakes", **hundreds),
            _part(folder, "strangers", "A pool that is not all waste", "strangers", **hundreds),
            _part(folder, "all-labels", "All labels there are", **whole),
        ),
        tuple(_claims()),
        levels=LEVELS,
        subject="TrashNet",
    )


def _part(folder: Path, name: str, title: str, pool: Pool = "plain", **settings: Any) -> Part:
    model, train = settings_for(
        str(folder), {"model": TRUNK, "train": {"weight_decay": [10.0], "max_steps": 4000}}
    )
    arms = (*ARMS, "batchbald") if name == "ten" else ARMS
    return Part(
        name,
        title,
        DATA[pool],
        partial(waste, str(folder), pool),
        Experiment(**{"strategies": arms, "draws": 100, "model": model, "train": train, **settings}),
        note=_NOTES.get(name, ""),
        weights=str(weights_beside(folder)),
    )


_NOTES = {
    "ten": "BatchBALD is run here alone: of a hundred images it can tell no more than log K nats.",
    "uneven": "The test set is not thinned: it has each class as often as TrashNet has it.",
    "mistakes": "A wrong label is any other class, by lot, and the same for all arms; the test set has none.",
    "strangers": "Labels are images that were asked about here: one of no class is paid for, and not trained on. "
    "EPIG asks about images like those of the pool, strangers among them.",
    "all-labels": "What there is to gain: the error of a model of every label, on the same test images.",
}


def _claims() -> list[Claim]:
    """What the field says of these arms, to be tested."""
    random = [
        Claim(f"{arm} is better than random, {words}", (part, arm), (part, "random"))
        for part, words in (("ten", "ten a round from one a class"), ("hundred", "a hundred a round"))
        for arm in ("margin", "bald", "power:bald", "epig", "power:epig", "badge", "max-herding", DEFAULT)
    ]
    return [
        *random,
        Claim("power BALD is better than BALD, a hundred a round", ("hundred", "power:bald"), ("hundred", "bald")),
        Claim("BatchBALD is better than BALD, ten a round", ("ten", "batchbald"), ("ten", "bald")),
        *(
            Claim(f"margin is better than random, {words}", (part, "margin"), (part, "random"))
            for part, words in (
                ("uneven", "with rare classes"),
                ("mistakes", "with wrong labels"),
                ("strangers", "among strangers"),
            )
        ),
        *(
            Claim(f"uncertainty herding is better than {arm}, {words}", (part, DEFAULT), (part, arm))
            for part, words in (
                ("ten", "ten a round from one a class"),
                ("hundred", "a hundred a round"),
                ("uneven", "with rare classes"),
                ("mistakes", "with wrong labels"),
                ("strangers", "among strangers"),
            )
            for arm in ("random", "power:bald", "margin", "badge", "max-herding")
            if (part, arm) not in {("ten", "random"), ("hundred", "random")}
        ),
    ]


def waste(folder: str, pool: Pool = "plain") -> Problem:
    """The photographs of `folder/images/CLASS`; each seed has its own test images.

    Raises:
        ConfigError: no strangers where they are wanted.
    """
    found = [(content_id(path.read_bytes()), path) for path in sorted(Path(folder).glob("images/*/*.jpg"))]
    paths = {name: str(path) for name, path in found}
    class_of = of_one_class((name, path.parent.name) for name, path in found)
    ids = [name for name in class_of if Path(paths[name]).stem not in AGAIN]
    classes = tuple(sorted({class_of[name] for name in ids}))
    targets = [classes.index(class_of[name]) for name in ids]
    others = _strangers(Path(folder)) if pool == "strangers" else {}
    left, test = stratified(ids, np.array(targets))
    plain = Problem(FileImages({**paths, **others}, max_pixels=MAX_PIXELS), classes, left, test, resplit=True)
    if pool == "mistakes":
        return replace(plain, mistakes=mistaken(dict(zip(ids, targets, strict=True)), len(classes), WRONG))
    return replace(plain, at_most=LEFT if pool == "uneven" else (), strangers=tuple(others))


def _strangers(folder: Path) -> dict[str, str]:
    """Photographs of something else: id -> path.

    Raises:
        ConfigError: there are none.
    """
    place = folder.parent / "pcb_detection" / "images"
    found = sorted(place.glob("*.jpg"))[:STRANGERS]
    if not found:
        raise ConfigError(
            f"photographs of no class of waste as {place}/*.jpg",
            "none",
            "put DeepPCB's boards there, or leave the part out: --parts ten,hundred,uneven,mistakes,all-labels",
        )
    return {content_id(path.read_bytes()): str(path) for path in found}


def trashnet_folder(data: Path, *, download: bool) -> Path:
    """The folder of the images under a folder of data sets.

    Raises:
        ConfigError: it is not there; it cannot be fetched by program.
    """
    folder = data / "trashnet"
    if len({path.parent for path in folder.glob("images/*/*.jpg")}) != len(LEFT):
        raise ConfigError(
            f"TrashNet's photographs as {folder}/images/CLASS/*.jpg, of six classes",
            "other folders, or none" + ("; they are not fetched by --download" if download else ""),
            "say --data FOLDER, or unpack dataset-resized of garythung/trashnet there",
        )
    return folder
