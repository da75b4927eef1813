"""What `askance doctor` looks at."""

import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.dropout import _DropoutNd

from askance.loop.project import CONFIG, Project, find_project
from askance.loop.settings import check_config, read_config
from askance.networks.model import build, is_of_networks
from askance.networks.weights import given
from askance.session.trunks import model_of
from askance.session.trust import check_trust, runs
from askance.uncertainty import SplitNet, StochasticNet, is_plain, stochastic_layers, work_of
from askance.vocab import ConfigError, ModelError

PACKAGES = ("askance", "torch", "torchvision", "timm", "lightning-fabric", "numpy", "pillow", "sqlalchemy")
_WAYS = {
    "head": "all before the first dropout once, the head by kernels",
    "rest": "all before the first random layer once, the rest for each draw",
    "passes": "everything for each draw",
}
EXTRAS = {"transformers": "transformers", "postgres": "psycopg", "s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}


def installation() -> list[tuple[str, str]]:
    """Versions, devices, threads, space, and which extras are there."""
    devices = ["cpu"]
    devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    rows = [("python", platform.python_version()), ("system", platform.platform())]
    rows += [(name, _version(name)) for name in PACKAGES]
    rows += [
        ("devices", ", ".join(devices)),
        ("cores", f"{os.cpu_count()}, torch uses {torch.get_num_threads()}"),
        ("disk", _room()),
    ]
    return rows + [(f"extra {extra}", _extra(extra, package)) for extra, package in EXTRAS.items()]


@dataclass(frozen=True, slots=True)
class Randomness:
    """What is random in a model, for people.

    Attributes:
        rows: name, kind, probability, whether it is drawn from, and how or why not.
        way: what runs for each draw.
        passes: what the draws cost, in full passes, by counted multiplications.
        draws: how many; 100, or as many as there are.
    """

    rows: list[tuple[str, str, str, str, str]]
    way: str
    passes: float
    draws: int = 100


def randomness(root: Path, settings: Mapping[str, Any]) -> Randomness:
    """What is random in the model of these settings, or of the project's where there are none.

    Raises:
        ConfigError: a setting that `[model]` does not have, or a project that runs code which is not trusted.
        ModelError: an unknown name, or nothing in it is random that draws could differ by.
    """
    config, classes = check_config({"pool": {"source": "."}, "model": dict(settings)}, "--set").model, 2
    if not settings:
        with suppress(ConfigError):  # no project here, or one whose settings `problems_of` tells of
            found = read_config(find_project(root) / CONFIG)
            config, classes = found.model, max(2, len(found.classes))
        if runs(config):
            check_trust(find_project(root), config)
    net = build(config.model_copy(update={"weights": None}), classes, 0)
    if is_of_networks(config, net):
        return _of_networks(net, config.members)
    example = torch.rand(2, config.channels, config.size, config.size)
    if is_plain(net.head):
        layers, work, way = stochastic_layers(net), work_of(net, example), "trunk once, head by kernels"
    else:
        whole = StochasticNet(net.head, net.features(example))
        layers, work, way = whole.layers, whole.work, _WAYS[whole.way]
    rows = [
        (layer.name or "(the model)", layer.kind, f"{layer.p:g}", "yes" if layer.handled else "no", layer.note)
        for layer in layers
    ]
    return Randomness(rows, way, work.passes(100))


def weights_of(root: Path) -> str | None:
    """Where the weights come from that the project's next training starts from; None where it needs none.

    They are loaded as training loads them: read whole, every layer matched, and one image sent through.

    Raises:
        ConfigError: no project there.
        ModelError: weights that cannot be had, that are another network's, or that give no finite features.
    """
    project = Project.open(root)
    try:
        config = model_of(project)
    finally:
        project.close()
    if not config.has_weights:
        return None
    net = build(config, max(2, len(project.config.classes)), 0)
    image = torch.full((1, config.channels, config.size, config.size), 0.5)
    with torch.inference_mode():
        features = net.features(image)
    if not bool(features.isfinite().all()):
        raise ModelError("finite features of a grey image", "NaN or infinity", "check model.weights, mean and std")
    return given(config).where


def _of_networks(net: SplitNet, m: int) -> Randomness:
    """Of an ensemble of m such networks."""
    note = "on in training alone: each network is one draw"
    rows = [
        (name, type(layer).__name__, f"{layer.p:g}", "no", note)
        for name, layer in net.named_modules()
        if isinstance(layer, _DropoutNd) and layer.p
    ]
    return Randomness(rows, f"{m} whole networks, each once", float(m), m)


def _room() -> str:
    try:
        return f"{shutil.disk_usage('.').free / 1e9:.1f} GB free here"
    except OSError as error:  # the current folder is gone
        return error.strerror or str(error)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _extra(extra: str, package: str) -> str:
    found = _version(package)
    return f"pip install 'askance[{extra}]'" if found == "not installed" else f"{package} {found}"
