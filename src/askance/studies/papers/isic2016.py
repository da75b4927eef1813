"""Gal, Islam and Ghahramani 2017, section 5.5: melanoma or not, on ISIC 2016, with a frozen trunk."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from askance.pool import MAX_PIXELS, FileImages
from askance.pool.scanning import content_id
from askance.report.claims import Claim
from askance.session.labels import read_rows
from askance.simulation.experiment import Experiment, Problem
from askance.studies.papers.trunk import TRUNK, weights_beside
from askance.studies.simulations import settings_for
from askance.studies.studies import Part, Study
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
    "the images are those of the 900 that were there; of two photographs of one lesion one is kept",
    "the trunk is MobileNetV2 as ImageNet made it and stays so, under dropout of 0.5 and one linear layer; theirs "
    "is VGG16, fine-tuned",
    "minibatches have as many malignant images as benign ones; theirs have malignant images in four mirrorings",
    f"{SPLITS} seeds, each with start labels, test images and a start of the head of its own; theirs are 2 splits "
    "with 3 starts each. Splits share most of their images: intervals are over splits of these, not over others",
    "variation ratios, max entropy, mean STD and power BALD besides BALD and random",
)


def isic2016(folder: Path, *, quick: bool = False) -> Study:
    """The study on the images of `folder`, and a trunk whose weights are in `weights/` beside it.

    Raises:
        ConfigError: they are not.
    """
    weights = weights_beside(folder)
    return Study(
        "isic2016-quick" if quick else "isic2016",
        "Melanoma on ISIC 2016 as in Gal, Islam and Ghahramani 2017",
        "Y. Gal, R. Islam and Z. Ghahramani, *Deep Bayesian Active Learning with Image Data*, ICML 2017 "
        "(arXiv 1703.02910): section 5.5. Its figure has areas of curves that are not printed as numbers.",
        (*DIFFERS, *(("quick: 3 seeds, one batch",) if quick else ())),
        (_part(folder, weights, quick),),
        (Claim("BALD is better than random", ("frozen", "bald"), ("frozen", "random")),),
        metric="auroc",
        subject="ISIC 2016",
    )


def _part(folder: Path, weights: Path, quick: bool) -> Part:
    model, train = settings_for(
        str(folder), {"model": TRUNK, "train": {"weight_decay": [3.0], "max_steps": 4000, "balance": "sampling"}}
    )
    experiment = Experiment(
        ARMS,
        tuple(range(3 if quick else SPLITS)),
        start=sum(START),
        start_classes=START,
        batch=100,
        until=200 if quick else 600,
        draws=20,
        model=model,
        train=train,
    )
    return Part(
        "frozen",
        "A frozen trunk",
        f"ISIC 2016, {EACH} test images of each class",
        partial(melanoma, str(folder)),
        experiment,
        weights=str(weights),
    )


def melanoma(folder: str) -> Problem:
    """The lesions of `folder/images` and `folder/labels.csv` (image, label); each seed has its own test images.

    Raises:
        LabelError: no such columns.
        ConfigError: labels that are none of the two, an image that is not there, or too few.
    """
    rows = read_rows(Path(folder) / "labels.csv")
    if strange := {str(row.value) for row in rows} - set(CLASSES):
        raise ConfigError(f"labels {' and '.join(CLASSES)}", ", ".join(sorted(strange)), "see labels.csv")
    paths = {Path(folder) / "images" / row.key: str(row.value) for row in rows}
    files = {path: label for path, label in paths.items() if path.stem not in TWICE}
    if missing := [path.name for path in files if not path.is_file()]:
        raise ConfigError(
            f"every image of labels.csv in {folder}/images", f"no {missing[0]}", "complete the folder"
        )
    named = [(content_id(path.read_bytes()), path, CLASSES.index(label)) for path, label in files.items()]
    malignant, benign = ([one for one in named if one[2] == c] for c in (1, 0))
    if len(malignant) < EACH + START[1] or len(benign) < EACH + START[0]:
        raise ConfigError(
            f"{EACH + START[0]} benign and {EACH + START[1]} malignant lesions or more",
            f"{len(benign)} and {len(malignant)}",
            f"complete {folder}",
        )
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
