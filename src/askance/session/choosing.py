"""Which network a new project takes, and how it looks at images: from what was asked for, and from the images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askance.loop.project import CONFIG
from askance.loop.settings import check_config
from askance.loop.strategy import Strategy
from askance.networks import (
    DEFAULT,
    GAL,
    LISTED,
    Listed,
    cached,
    check_library,
    fetched,
    has_library_weights,
    library_of,
    listed,
)
from askance.pool import FileImages, Look
from askance.pool.shapes import commonest_input
from askance.vocab import ImageRecord, WeightsMissing
from askance.vocab.config import NO_WEIGHTS, PRETRAINED, Config, ModelConfig

SMALL = 64
"""Pixels a side up to which images are small enough for the small network."""

_LEAST = 8
"""Pixels a side that the small network needs."""

_SAMPLE = 16
"""Images that are decoded to see whether the pool is grey."""

_SHADE = 3
"""Levels by which red, green and blue may differ in a grey image that was saved as a colour JPEG."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The network of a new project.

    Attributes:
        settings: of `[model]`, those that were given included.
        notes: what a person should know about the choice, a line or two each.
    """

    settings: dict[str, Any]
    notes: tuple[str, ...] = ()


def look_of_named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for a network that somebody named: what its library says suits it, under what was given.

    Raises:
        ModelError: a name that nobody knows, or that nobody has the pretrained weights of that were asked for.
    """
    name = given.get("name")
    if name is None:
        return dict(given)
    if given.get("weights") == PRETRAINED:
        check_library(name)
    if (known := listed(name)) is not None:
        return _with_look(name, given, known.look)
    if not has_library_weights(name) or given.keys() >= {"size", "mean", "std"}:
        return dict(given)
    from askance.networks.looks import look_of  # asks the libraries, which takes seconds to import

    return _with_look(name, given, look_of(name))


def look_of_new(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a new project, with what suits the network that somebody named; a whole detector knows that.

    Raises:
        ModelError: as `look_of_named`.
    """
    given = settings.get("model", {})
    whole = settings.get("task") == "detection" and _is_whole(str(given.get("name", "")))
    return {**settings, "model": dict(given) if whole else look_of_named(given)}


DETECTION: dict[str, Any] = {
    "name": "mobilenetv2_100.ra_in1k",
    "posterior": "ensemble",
    "members": 4,
    "dropout": 0.1,
    "train": "head",
}
"""What `[model]` says of a new project of detection, where nobody says otherwise."""

WHOLE: dict[str, Any] = {"posterior": "mc-dropout"}
"""What is otherwise where a whole detector is named: it is drawn from by dropout before its last layers."""

DETECTION_STRATEGY: dict[str, Any] = {"acquisition": "bald", "selection": "power"}
"""The same of `[strategy]`."""


def check_new(settings: Mapping[str, Any]) -> Config:
    """The settings of a new project, as far as somebody made them.

    Raises:
        ConfigError: one that does not exist or cannot be, or a strategy of what the task does not have.
    """
    config = check_config(dict(settings), CONFIG)
    Strategy.of(config.strategy).check_for(config.task, several=config.several)
    return config


def choose(
    settings: Mapping[str, Any], config: Config, images: Mapping[str, ImageRecord]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """All settings of a new project, what nobody has said chosen by its images; and what to know of that.

    Args:
        settings: those that somebody made.
        config: the same, checked.
        images: of the pool.
    """
    chosen = choose_for(config, settings.get("model", {}), images)
    strategy, notes = choose_strategy(settings.get("strategy", {}), ModelConfig(**chosen.settings), config.task)
    found = {**settings, "model": chosen.settings, "strategy": strategy}
    if config.task == "detection":
        sizes = ((image.width, image.height) for image in images.values())
        found["detector"] = {"input": commonest_input(sizes), **settings.get("detector", {})}
    return found, (*chosen.notes, *notes)


def _is_black_box(name: str) -> bool:
    return name.endswith(".onnx") or ":" in name


def _is_whole(name: str) -> bool:
    """Whether a name is that of a whole detector, see `tasks.detection.is_known`; without torch."""
    return _is_black_box(name) or library_of(name)[0] in ("torchvision", "transformers")


def choose_for(config: Config, given: Mapping[str, Any], images: Mapping[str, ImageRecord]) -> Chosen:
    """What a new project's `[model]` says, of any task; see `choose_model`."""
    if config.task == "classification":
        return choose_model(given, images, config.pool.max_pixels)
    whole = _is_whole(str(given.get("name", "")))
    settings = {**DETECTION, **(WHOLE if whole else {}), **given}
    if whole:
        settings.setdefault("weights", NO_WEIGHTS if _is_black_box(settings["name"]) else PRETRAINED)
        return Chosen(settings)
    settings = {**settings, **look_of_named(settings)}
    settings.setdefault("weights", PRETRAINED)
    if settings["weights"] != PRETRAINED or not has_library_weights(settings["name"]):
        return Chosen(settings)
    try:
        _fetch(settings["name"])
    except WeightsMissing as error:
        return Chosen(settings, (_missing(error),))
    return Chosen(settings)


def choose_model(given: Mapping[str, Any], images: Mapping[str, ImageRecord], max_pixels: int) -> Chosen:
    """What a new project's `[model]` says: the network, its weights and its look.

    Without a name, small grey images get the small network, anything else the default for photographs, or if its
    weights cannot be had, the best network whose weights are in the cache.

    Args:
        given: settings that somebody made, as `look_of_named` completes them; they all stay.
        images: of the pool, by id.
        max_pixels: as `pool.max_pixels`.
    """
    if "name" in given:
        chosen = _of_name(given, images, max_pixels)
    elif "weights" not in given and is_small_and_grey(images, max_pixels):
        chosen = _of_name({"name": GAL, **given}, images, max_pixels)
    elif given.get("weights", PRETRAINED) == PRETRAINED:
        chosen = _for_photographs(given)
    else:
        chosen = Chosen({"name": DEFAULT.name, **_with_look(DEFAULT.name, given, DEFAULT.look)})
    if costs := small_network_costs(ModelConfig(**chosen.settings)):
        return Chosen(chosen.settings, (*chosen.notes, costs))
    return chosen


def choose_strategy(
    given: Mapping[str, Any], model: ModelConfig, task: str = "classification"
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a new project's `[strategy]` says, and what to know of it.

    The default compares features, which a network has that is cut into a trunk and a head. One that is taken as it
    is may be random from its pixels on, and is picked from by draws.

    Args:
        given: settings that somebody made; they all stay.
        model: the project's network.
        task: of the project.
    """
    if task == "detection":
        return {**DETECTION_STRATEGY, **given}, ()
    if {"selection", "acquisition"} & given.keys() or not (model.head == "own" or ":" in model.name):
        return dict(given), ()
    note = "batches are picked by power:bald: a network taken as it is may have no features to compare"
    return {"acquisition": "bald", "selection": "power", **given}, (note,)


def is_small_and_grey(images: Mapping[str, ImageRecord], max_pixels: int) -> bool:
    """Whether all images are of 64 pixels a side at most, and those looked at have no colour."""
    if not images or _side(images) > SMALL:
        return False
    ids = sorted(images)
    some = ids[:: max(1, len(ids) // _SAMPLE)][:_SAMPLE]
    uris = {image_id: images[image_id].uri for image_id in some}
    pixels, _ = FileImages(uris, max_pixels=max_pixels).load(some, Look(SMALL, 3))
    return len(pixels) > 0 and int(np.ptp(pixels, axis=1).max()) <= _SHADE


def small_network_costs(model: ModelConfig) -> str | None:
    """What `gal-cnn` costs where it is not meant: on large or colour images; None where it is, or for others."""
    if model.name != GAL or (model.channels == 1 and model.size <= SMALL):
        return None
    better = f"askance models lists networks for photographs, such as {DEFAULT.name}"
    if model.size <= SMALL:
        return f"{GAL} is made for small grey images, and these have colour; {better}."
    weights = 128 * 32 * ((model.size - 6) // 2) ** 2
    return (
        f"{GAL} is made for small grey images: at {model.size} x {model.size} pixels it has {weights / 1e6:.0f} "
        "million weights to learn from a few labels. (At 224 pixels, with 49 million, a training took more than "
        f"ten minutes and 4.5 GB of memory.) {better}."
    )


def _of_name(given: Mapping[str, Any], images: Mapping[str, ImageRecord], max_pixels: int) -> Chosen:
    settings = dict(given)
    name = settings["name"]
    if name == GAL and images and _side(images) <= SMALL:
        settings.setdefault("size", max(_LEAST, _side(images)))
        if "channels" not in settings and is_small_and_grey(images, max_pixels):
            settings["channels"] = 1
    if "weights" in settings and settings["weights"] != PRETRAINED:
        return Chosen(settings)
    if not has_library_weights(name) and "weights" not in settings:
        return Chosen({**settings, "weights": NO_WEIGHTS})
    settings["weights"] = PRETRAINED
    try:
        _fetch(name)
    except WeightsMissing as error:
        return Chosen(settings, (_missing(error),))
    return Chosen(settings)


def _for_photographs(given: Mapping[str, Any]) -> Chosen:
    """The default, or what is in the cache in its place."""
    try:
        fetched(DEFAULT.file, f"the pretrained weights of {DEFAULT.name}")
    except WeightsMissing as error:
        here = next((one for one in LISTED if cached(one.file)), None)
        if here is None or here is DEFAULT:
            return _pretrained(DEFAULT, given, _missing(error))
        note = (
            f"The weights of {DEFAULT.name}, the default for photographs, cannot be had: {error.got}. "
            f"{here.name} is in the cache and is taken in its place."
        )
        return _pretrained(here, given, note)
    return _pretrained(DEFAULT, given)


def _pretrained(one: Listed, given: Mapping[str, Any], *notes: str) -> Chosen:
    settings = {"name": one.name, **_with_look(one.name, given, one.look), "weights": PRETRAINED}
    return Chosen(settings, notes)


def _with_look(name: str, given: Mapping[str, Any], look: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, and the rest as the network likes it."""
    suited = {key: value for key, value in look.items() if key != "options"}
    options = dict(look.get("options", {}))
    if given.get("channels") == 1:  # one number a setting, where there must be one
        suited.update({key: float(np.mean(suited[key])) for key in ("mean", "std") if key in suited})
    if given.get("size", suited.get("size")) != suited.get("size") and name.rpartition("/")[2].startswith("vit_"):
        options["dynamic_img_size"] = True  # places are learnt for one size; timm can stretch them
    options |= given.get("options", {})
    return {**suited, **given, **({"options": options} if options else {})}


def _missing(error: WeightsMissing) -> str:
    return (
        f"{error.wanted[:1].upper()}{error.wanted[1:]} cannot be had: {error.got}. "
        f"Until they are here the first batch is random, and nothing can be trained. To get them:\n{error.fix}"
    )


def _side(images: Mapping[str, ImageRecord]) -> int:
    """Pixels of the longest side there is."""
    return max(max(image.width, image.height) for image in images.values())


def _fetch(name: str) -> Path:
    if (known := listed(name)) is not None:
        return fetched(known.file, f"the pretrained weights of {name}")
    from askance.networks.weights import fetch

    return fetch(name)
