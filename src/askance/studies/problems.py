"""Images whose labels are known, for simulations: digits, MNIST files, a folder with a folder a class."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askance.integrations import class_names
from askance.maths import keyed_uniform
from askance.pool import MAX_PIXELS, ArrayImages, FileImages, Look, scan
from askance.session.labels import read_rows
from askance.simulation.experiment import Problem
from askance.studies.several import several_labels
from askance.vocab import ConfigError, ImageRecord, Labelled, Sighting, answer_of
from askance.vocab.config import ModelConfig, TrainConfig
from askance.vocab.names import tidy

TEST_SHARE = 0.3
"""Of images that come without a test set of their own."""


def problem_from(name: str, *, several: bool = False) -> "partial[Problem]":
    """What `--data` names: `digits`, a folder of MNIST's idx files, or a folder with a folder a class.

    Args:
        name: of the data.
        several: whether an image may have several labels; then a CSV file may be named too.

    Raises:
        ConfigError: none of these.
    """
    if several:
        return partial(several_labels, name)
    if name == "digits":
        return partial(digits)
    folder = Path(name)
    if (mnist_folder := find_idx(folder)) is not None:
        return partial(mnist, str(mnist_folder))
    if folder.is_dir() and any(child.is_dir() for child in folder.iterdir()):
        return partial(image_folder, str(folder))
    raise ConfigError(
        "digits, a folder of MNIST idx files, or a folder with a folder a class", name, "check --data"
    )


def anew(problem: Callable[[], Problem]) -> Problem:
    """The same images, of which each seed tests on others."""
    return replace(problem(), resplit=True)


def mistaken(targets: Mapping[str, int], classes: int, share: float, seed: int = 0) -> dict[str, int]:
    """For about this share of the images another class than their own, any as likely as another.

    Which images and classes these are belongs to the ids and the seed.

    >>> set(mistaken({"a": 0, "b": 1}, classes=2, share=1.0).items())  == {("a", 1), ("b", 0)}
    True
    """
    ids = list(targets)
    wrong, shift = keyed_uniform(ids, seed, "mistaken"), keyed_uniform(ids, seed, "mistaken for")
    return {
        name: (targets[name] + 1 + int(by * (classes - 1))) % classes
        for name, chance, by in zip(ids, wrong, shift, strict=True)
        if chance < share
    }


def digits() -> Problem:
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships, 30 % of them for testing."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images * (255 / 16)).astype(np.uint8)
    return _split("digits", pixels, data.target.astype(int), tuple("0123456789"))


def mnist(folder: str, test: int | None = None) -> Problem:
    """MNIST from its idx files, gzipped or not; the official test set, or the first images of it.

    Its first 5,000 test images are the cleaner half, so a part of it is no stand-in for the whole.

    Raises:
        ConfigError: a file is missing or damaged, or there is not one label an image.
    """
    (x, y), (x_test, y_test) = (_idx_pair(Path(folder), part) for part in ("train", "t10k"))
    ids = [f"mnist-{i:05d}" for i in range(len(x) + len(x_test))]
    return Problem(
        ArrayImages(np.concatenate([x, x_test]), ids),
        tuple("0123456789"),
        Labelled(tuple(ids[: len(x)]), tuple(int(t) for t in y)),
        Labelled(tuple(ids[len(x) :][:test]), tuple(int(t) for t in y_test[:test])),
    )


def repeated_mnist(folder: str, copies: int = 3, noise: float = 7.86, test: int | None = None) -> Problem:
    """Repeated MNIST: every training image `copies` times, each with noise of its own; copies are a group.

    Kirsch et al. 2019 add noise of 0.1 to pixels in units of their standard deviation (0.3081 of white), which is
    7.86 grey levels; here it is rounded to whole levels, and clipped at black and white.

    Args:
        folder: of MNIST's idx files.
        copies: of each training image.
        noise: standard deviation, grey levels.
        test: how many of the test images; None for all.

    Raises:
        ConfigError: as `mnist`.
    """
    once = mnist(folder, test)
    look = Look(28, 1)
    pixels, _ = once.images.load(once.pool.ids, look)
    held_out, _ = once.images.load(once.test.ids, look)
    generator = np.random.default_rng(0)
    parts = [_noisy(pixels[:, 0], noise, generator) for _ in range(copies)]
    ids = [f"{name}-{copy}" for copy in range(copies) for name in once.pool.ids]
    return Problem(
        ArrayImages(np.concatenate([*parts, held_out[:, 0]]), [*ids, *once.test.ids]),
        once.classes,
        Labelled(tuple(ids), once.pool.targets * copies),
        once.test,
        dict(zip(ids, once.pool.ids * copies, strict=True)),
    )


def image_folder(folder: str) -> Problem:
    """A folder with a folder a class, 30 % of each class for testing; images under two classes are left out.

    So are those in folders of answers: `unreadable` and `none of these` are no classes.
    """
    rows = [row for row in read_rows(Path(folder)) if row.value is not None and answer_of(row.value) is None]
    classes = tuple(class_names(rows))
    found: dict[str, Sighting] = {s.uri: s for s in scan(folder, {}, max_pixels=MAX_PIXELS)}
    said: list[tuple[str, str]] = []
    uris: dict[str, str] = {}
    for row in rows:
        sighting = found.get(row.key)
        if sighting is not None and sighting.image is not None and (name := tidy(row.value or "")) in classes:
            said.append((sighting.image.id, name))
            uris.setdefault(sighting.image.id, sighting.uri)
    class_of = of_one_class(said)
    ids = sorted(class_of)
    targets = np.array([classes.index(class_of[name]) for name in ids])
    pool, test = stratified(ids, targets)
    return Problem(FileImages(uris, max_pixels=MAX_PIXELS), classes, pool, test)


def images_in(folder: str) -> dict[str, ImageRecord]:
    """The images of a folder that can be read, by id."""
    found = (sighting.image for sighting in scan(folder, {}, max_pixels=MAX_PIXELS))
    return {image.id: image for image in found if image is not None}


def of_one_class(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Image -> its class, in the order they come, without images that are said to be of two.

    >>> of_one_class([("a", "cat"), ("b", "cat"), ("a", "dog"), ("b", "cat")])
    {'b': 'cat'}
    """
    classes: dict[str, set[str]] = {}
    for name, value in said:
        classes.setdefault(name, set()).add(value)
    return {name: min(values) for name, values in classes.items() if len(values) == 1}


def classification(
    model: ModelConfig,
    train: TrainConfig,
    problem: Problem,
    *,
    features: str | None = None,
    weights: str | None = None,
) -> Any:
    """The classification task over a problem's images.

    Args:
        features: the folder where features of a trunk that is not trained are kept.
        weights: the folder that `model.weights` is under, so that settings need not say where that is.
    """
    from askance.tasks.classification import Classification

    cache = Path(features) if features else None
    if weights is not None:
        model = model.weights_under(Path(weights))
    return Classification(model, train, problem.classes, problem.images, several=problem.annotated, features=cache)


def natural_look(name: str) -> dict[str, Any]:
    """Model settings that suit what `--data` names; none for a folder of images, which has to be looked at."""
    if name == "digits":
        return {"name": "gal-cnn", "size": 8, "channels": 1, "mean": 0.0, "std": 1.0}
    if find_idx(Path(name)) is not None:
        return {"name": "gal-cnn", "size": 28, "channels": 1, "mean": 0.1307, "std": 0.3081}
    return {}


def _noisy(pixels: NDArray[np.uint8], noise: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Grey levels with Gaussian noise, a thousand images at a time: the noise is not held for all of them."""
    noisy = np.empty_like(pixels)
    for at in range(0, len(pixels), 1000):
        part = pixels[at : at + 1000]
        loud = part + noise * generator.standard_normal(part.shape, dtype=np.float32)
        noisy[at : at + 1000] = np.rint(loud).clip(0, 255)
    return noisy


def _split(
    prefix: str, pixels: NDArray[np.uint8], targets: NDArray[np.int64], classes: tuple[str, ...]
) -> Problem:
    ids = [f"{prefix}-{i:05d}" for i in range(len(pixels))]
    pool, test = stratified(ids, targets)
    return Problem(ArrayImages(pixels, ids), classes, pool, test)


def stratified(ids: Sequence[str], targets: NDArray[np.int64]) -> tuple[Labelled, Labelled]:
    """Pool and test, `TEST_SHARE` of every class in the test set; which ones belongs to the ids."""
    keys = keyed_uniform(ids, 0, "test")
    in_test = np.zeros(len(ids), dtype=bool)
    for target in np.unique(targets):
        members = np.flatnonzero(targets == target)
        in_test[members[np.argsort(keys[members])[: round(TEST_SHARE * len(members))]]] = True
    return _part(ids, targets, ~in_test), _part(ids, targets, in_test)


def _part(ids: Sequence[str], targets: NDArray[np.int64], which: NDArray[np.bool_]) -> Labelled:
    places = np.flatnonzero(which).tolist()
    return Labelled(tuple(ids[i] for i in places), tuple(int(targets[i]) for i in places))


def find_idx(folder: Path) -> Path | None:
    """The folder that MNIST's idx files are in: this one, or where torchvision puts them below it."""
    for place in (folder, folder / "raw", folder / "MNIST" / "raw"):
        if any(place.glob("train-images-idx3-ubyte*")):
            return place
    return None


def _idx_pair(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images `[N, 28, 28]` and labels `[N]` of `train` or `t10k`."""
    images, labels = _idx(folder / f"{part}-images-idx3-ubyte", 3), _idx(folder / f"{part}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise ConfigError(
            f"one label an image in MNIST's {part} files under {folder}",
            f"{len(images):,} images and {len(labels):,} labels",
            "take all four files from one source",
        )
    return images, labels


def _idx(file: Path, axes: int) -> NDArray[np.uint8]:
    """One idx file, gzipped or not: two zero bytes, a type, the number of axes, their lengths, the numbers."""
    try:
        raw = file.read_bytes() if file.exists() else gzip.decompress(Path(f"{file}.gz").read_bytes())
        shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
        if raw[:4] != bytes([0, 0, 8, axes]):
            raise ValueError(f"it starts with {raw[:4].hex()}, not with 000008{axes:02x}")
        return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ConfigError(
            f"MNIST's idx file {file} or {file.name}.gz, whole",
            str(error),
            "fetch MNIST's four idx files again",
        ) from error
