"""What `askance doctor` looks at."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from askance.loop.project import Project
from askance.tasks.classification.model import build
from askance.uncertainty import stochastic_layers
from askance.vocab import AskanceError, ConfigError
from askance.vocab.config import ModelConfig

PACKAGES = ("askance", "torch", "torchvision", "timm", "lightning-fabric", "numpy", "pillow", "sqlalchemy")
EXTRAS = {"postgres": "psycopg", "s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}


def installation() -> list[tuple[str, str]]:
    """Versions, devices, threads, space, and which extras are there."""
    import torch

    devices = ["cpu"]
    devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    rows = [("python", platform.python_version()), ("system", platform.platform())]
    rows += [(name, _version(name)) for name in PACKAGES]
    rows += [
        ("devices", ", ".join(devices)),
        ("cores", f"{os.cpu_count()}, torch uses {torch.get_num_threads()}"),
        ("disk", f"{shutil.disk_usage('.').free / 1e9:.1f} GB free here"),
    ]
    return rows + [(f"extra {extra}", _extra(extra, package)) for extra, package in EXTRAS.items()]


def stochastic_table(root: Path, model: str | None) -> list[tuple[str, str, str, str, str]]:
    """The stochastic layers of the named model, or of the project's, or of the default one."""
    config, classes = ModelConfig(name=model) if model else ModelConfig(), 2
    if model is None:
        try:
            project = Project.open(root)
        except ConfigError:
            pass
        else:
            config, classes = project.config.model, max(2, len(project.config.classes))
            project.close()
    net = build(config.model_copy(update={"weights": None}), classes, 0)
    return [
        (layer.name, layer.kind, f"{layer.p:g}", "yes" if layer.handled else "no", layer.note)
        for layer in stochastic_layers(net)
    ]


def check_project(root: Path) -> list[str] | None:
    """What is wrong with the project in a folder; None where there is none."""
    try:
        project = Project.open(root)
    except ConfigError as error:
        return None if error.wanted.startswith("a project") else [f"{error.got} ({error.fix})"]
    except AskanceError as error:
        return [f"{error.got} ({error.fix})"]
    try:
        problems = list(project.store.check())
        for one in project.store.rounds():
            file = project.round_folder(one.number) / "model.safetensors"
            if one.labels and not file.exists():
                problems.append(f"round {one.number} has no model.safetensors: run askance train")
        if "://" not in project.source and not Path(project.source).exists():
            problems.append(f"the pool's source {project.source} is not there: mend pool.source in askance.toml")
        return problems
    finally:
        project.close()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _extra(extra: str, package: str) -> str:
    found = _version(package)
    return f"pip install 'askance[{extra}]'" if found == "not installed" else f"{package} {found}"
