"""Gal, Islam and Ghahramani 2017, section 5.5: melanoma or not, on ISIC 2016, as near as a frozen trunk comes."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from askance.loop.experiment import Experiment, Problem
from askance.pool import MAX_PIXELS, FileImages
from askance.pool.scanning import content_id
from askance.report.claims import Claim
from askance.session.simulations import settings_for
from askance.session.studies import Part, Study
from askance.vocab import ConfigError, Labelled

CLASSES = ("benign", "malignant")
EACH = 100
"""Test images of each class."""

START = (80, 20)
SPLITS = 15
ARMS = ("bald", "power:bald", "variation-ratios", "max-entropy", "mean-std", "random")

TWICE = {"ISIC_0001742", "ISIC_0011295"}
"""The second photographs of a lesion that is there twice."""

DIFFERS = (
    "860 of the 900 images, which are 256 pixels long; of two photographs of one lesion one is kept",
    "the trunk stays as ImageNet made it, under dropout of 0.5 and one linear layer; theirs is VGG16, fine-tuned",
    "minibatches have as many malignant images as benign ones; theirs have malignant images in four mirrorings",
    "15 seeds, each with start labels, test images and a start of the head of its own; theirs are 2 splits with 3 "
    "starts each",
    "variation ratios, max entropy, mean STD and power BALD besides BALD and random",
)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A network whose weights lie in `weights/`, beside the images' folder.

    Attributes:
        part: what its part of the study is called.
        title: what it is.
        file: of its weights.
        model: its settings.
    """

    part: str
    title: str
    file: str
    model: dict[str, Any] = field(default_factory=dict)


TRUNKS = (
    Trunk(
        "mobilenet",
        "MobileNetV2 as ImageNet made it",
        "mobilenetv2_100_imagenet.safetensors",
        {"name": "mobilenetv2_100", "options": {"pad_type": "same"}},
    ),
    Trunk("vgg16", "VGG16 as ImageNet made it", "vgg16.safetensors", {"name": "torchvision/vgg16"}),
)


def isic2016(folder: Path, *, quick: bool = False) -> Study:
    """The study on the images of `folder`, with every trunk whose weights are there.

    Raises:
        ConfigError: there are none.
    """
    weights = folder.parent / "weights"
    trunks = [trunk for trunk in TRUNKS if (weights / trunk.file).is_file()]
    if not trunks:
        raise ConfigError(
            f"ImageNet weights in {weights}: {' or '.join(trunk.file for trunk in TRUNKS)}",
            "none of them",
            "put a safetensors file of timm's mobilenetv2_100 or torchvision's vgg16 there",
        )
    return Study(
        "isic2016-quick" if quick else "isic2016",
        "Melanoma on ISIC 2016 as in Gal, Islam and Ghahramani 2017",
        "Y. Gal, R. Islam and Z. Ghahramani, *Deep Bayesian Active Learning with Image Data*, ICML 2017 "
        "(arXiv 1703.02910): section 5.5. Its figure has areas of curves that are not printed as numbers.",
        (*DIFFERS, *(("quick: 3 seeds and 2 rounds",) if quick else ())),
        tuple(_part(trunk, folder, weights, quick) for trunk in trunks[: 1 if quick else None]),
        tuple(
            Claim(f"{trunk.part}: {name} is better than random", (trunk.part, name), (trunk.part, "random"))
            for trunk in trunks
            for name in ARMS[:-1]
        ),
    )


def _part(trunk: Trunk, folder: Path, weights: Path, quick: bool) -> Part:
    model, train = settings_for(
        str(folder),
        {
            "model": {**trunk.model, "weights": trunk.file, "size": 224, "dropout": 0.5},
            "train": {"weight_decay": [3.0], "max_steps": 4000, "balance": "sampling"},
        },
    )
    experiment = Experiment(
        ARMS,
        tuple(range(3 if quick else SPLITS)),
        start=sum(START),
        start_classes=START,
        batch=100,
        until=200 if quick else 500,
        draws=20,
        model=model,
        train=train,
    )
    return Part(
        trunk.part,
        trunk.title,
        f"ISIC 2016, {EACH} test images of each class",
        partial(melanoma, str(folder)),
        experiment,
        metric="auroc",
        targets=(),
        weights=str(weights),
    )


def melanoma(folder: str) -> Problem:
    """The lesions of `folder/images` and `folder/labels.csv` (image, label); each seed has its own test images.

    Raises:
        ConfigError: labels that are none of the two, or an image that is not there.
    """
    with (Path(folder) / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["image"], row["label"]) for row in csv.DictReader(file)]
    if strange := {label for _, label in rows} - set(CLASSES):
        raise ConfigError(f"labels {' and '.join(CLASSES)}", ", ".join(sorted(strange)), "see labels.csv")
    files = {Path(folder) / "images" / name: label for name, label in rows if Path(name).stem not in TWICE}
    if missing := [path.name for path in files if not path.is_file()]:
        raise ConfigError(
            f"every image of labels.csv in {folder}/images", f"no {missing[0]}", "complete the folder"
        )
    named = [(content_id(path.read_bytes()), path, CLASSES.index(label)) for path, label in files.items()]
    malignant, benign = ([one for one in named if one[2] == c] for c in (1, 0))
    return Problem(
        FileImages({name: str(path) for name, path, _ in named}, max_pixels=MAX_PIXELS),
        CLASSES,
        _labelled([*benign[EACH:], *malignant[EACH:]]),
        _labelled([*benign[:EACH], *malignant[:EACH]]),
        resplit=True,
    )


def _labelled(named: Sequence[tuple[str, Path, int]]) -> Labelled:
    return Labelled(tuple(name for name, *_ in named), tuple(target for *_, target in named))


def isic_folder(data: Path, *, download: bool) -> Path:
    """The folder of the images under a folder of data sets.

    Raises:
        ConfigError: it is not there; it cannot be fetched by program.
    """
    folder = data / "isic2016"
    if not (folder / "labels.csv").is_file():
        raise ConfigError(
            f"ISIC 2016's training images of task 3 as {folder}/images/*.jpg, and {folder}/labels.csv with the "
            "columns image and label (benign, malignant)",
            "no labels.csv there" + ("; they are not fetched by --download" if download else ""),
            "say --data FOLDER, or get them from the ISIC archive and write labels.csv",
        )
    return folder
