"""What an honest comparison is asked for of detection: blood cells, and defects of circuit boards.

Heads on cached maps are cheap enough to run every arm over again with seeds of its own.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from askance.report.claims import Claim
from askance.simulation.experiment import Experiment
from askance.studies.boxes import boxed
from askance.studies.papers.trunk import TRUNK, weights_beside
from askance.studies.studies import Part, Study
from askance.vocab import ConfigError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

ARMS = (
    *("random", "class-balanced-random", "box-count", "max-entropy", "bald", "power:bald", "max-herding"),
    "uncertainty-herding:bald",
)
"""Each score with and without diversity, beside two kinds of chance and an arm that buys crowded images."""
CLOSED = ("bald", "power:bald")
"""Arms of the closed form, whose heads are the same and whose draws are not: random is the same arm."""
SEEDS = 9
"""The fewest with which a test of seven arms against chance can say anything."""

DATA = {
    "bccd": "BCCD, 255 images of blood cells to pick from, 72 for testing",
    "pcb": "DeepPCB, 461 boards to pick from, 341 of other boards for testing",
}
NOTES = (
    "this is no paper's experiment: it has the arms that the field's checklists ask for",
    "the trunk is MobileNetV2 as ImageNet made it and stays so; two heads of 48 channels are trained anew each "
    "round from its maps, and found boxes are those of their mean",
    f"{SEEDS} seeds, each with start images of its own; the test images are the same for all, whole groups apart",
    "the first model of a seed is trained once for all arms",
    "boards are looked at in cells of 8 pixels: with cells of 4 AP50 is higher (one draw of 40 boards: .25 for "
    ".20) and a round takes twice the time",
)


def boxes(folder: Path, *, quick: bool = False) -> Study:
    """The study on the data sets below `folder`, with a trunk's weights there too.

    Raises:
        ConfigError: they are not there.
    """
    seeds = tuple(range(2 if quick else SEEDS))
    cells: dict[str, Any] = {"start": 10, "batch": 10, "until": 20 if quick else 40, "seeds": seeds}
    boards: dict[str, Any] = {"start": 20, "batch": 20, "until": 40 if quick else 60, "seeds": seeds}
    usual = DetectorConfig()
    return Study(
        "boxes-quick" if quick else "boxes",
        "What an honest comparison is asked for, on boxes",
        "BCCD (shenggan 2017) and DeepPCB (Tang, He, Huang and Yang 2019, arXiv 1902.06197).",
        (*NOTES, *(("quick: 2 seeds, few rounds",) if quick else ())),
        (
            _part(folder, "bccd", "Blood cells, ten images a round", usual, **cells),
            replace(
                _part(folder, "bccd-closed", "The same, drawn in closed form", usual, "dropout-moments", **cells),
                beside={"random": "bccd"},
            ),
            _part(folder, "pcb", "Defects of circuit boards, twenty images a round", usual, **boards),
        ),
        tuple(
            Claim(f"{arm} is better than random, {part}", (part, arm), (part, "random"))
            for part in ("bccd", "pcb")
            for arm in ARMS
            if arm != "random"
        ),
        metric="ap50",
        subject="boxes",
    )


def _part(
    folder: Path, name: str, title: str, detector: DetectorConfig, posterior: str = "ensemble", **settings: Any
) -> Part:
    data = name.partition("-")[0]
    place = folder / {"bccd": "bccd", "pcb": "pcb_detection"}[data]
    model = ModelConfig(**{**TRUNK, "posterior": posterior, "members": 2, "dropout": 0.1})
    return Part(
        name,
        title,
        DATA[data],
        partial(boxed, str(place / "images"), str(place / "annotations.json")),
        Experiment(
            **{
                "strategies": ARMS if posterior == "ensemble" else CLOSED,
                "draws": 50,
                "model": model,
                "train": TrainConfig(),
                "detector": detector,
                **settings,
            }
        ),
        weights=str(weights_beside(place)),
    )


def boxes_folder(data: Path, *, download: bool) -> Path:
    """The folder of data sets.

    Raises:
        ConfigError: it does not hold both; they cannot be fetched.
    """
    for name in ("bccd", "pcb_detection"):
        if not (data / name / "annotations.json").is_file():
            raise ConfigError(
                f"images with boxes as {data / name}/annotations.json and {name}/images", "none there", "--data"
            )
    return data
