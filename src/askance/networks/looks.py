"""How pretrained networks want to see images: size, mean, std and options, as their libraries say."""

import json
from typing import Any

from askance.networks import TRANSFORMERS, HubFile, fetched, has_library_weights, library_of, listed
from askance.networks.backbones import is_timm, torchvision_names, unknown
from askance.vocab import ModelError


def look_of(name: str) -> dict[str, Any]:
    """Settings of `[model]` that a library's pretrained weights were trained under; {} for names without any.

    Raises:
        ModelError: a name that nobody knows, or a repository whose files cannot be had or read.

    >>> look_of("mobilenetv2_100")["std"], look_of("gal-cnn")
    ((0.229, 0.224, 0.225), {})
    """
    if not has_library_weights(name):
        return {}
    if (known := listed(name)) is not None:
        return known.look
    library, rest = library_of(name)
    if library == TRANSFORMERS:
        return _of_repository(rest)
    if is_timm(name):
        return _of_timm(rest)
    if library in ("", "torchvision") and rest in torchvision_names():
        return _of_torchvision(rest)
    raise unknown(name)


def _of_timm(name: str) -> dict[str, Any]:
    import timm

    try:
        found = timm.models.get_pretrained_cfg(name)
    except (RuntimeError, ValueError):  # a tag that it does not have: `fetch` says so
        found = None
    if found is None:
        return {}
    look = {"size": max(found.input_size[1:]), "mean": found.mean, "std": found.std}
    return look if found.input_size[0] == 3 else {"size": look["size"]}


def _of_torchvision(name: str) -> dict[str, Any]:
    import torchvision

    found = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    return {"size": int(found.crop_size[0]), "mean": tuple(found.mean), "std": tuple(found.std)}


def _of_repository(repo: str) -> dict[str, Any]:
    """What a repository's image processor does; where it says nothing, nothing."""
    path = fetched(HubFile(repo, "preprocessor_config.json"), f"how transformers/{repo} looks at images")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        size = said.get("crop_size") if said.get("do_center_crop") else said.get("size")
        side = size if isinstance(size, int) else (size or {}).get("height") or (size or {}).get("shortest_edge")
        mean, std = said.get("image_mean"), said.get("image_std")
    except (ValueError, AttributeError) as error:
        raise ModelError(
            f"how transformers/{repo} looks at images, as JSON", f"{path}: {error}", "delete that file, run again"
        ) from error
    look = {"size": side, "mean": _three(mean), "std": _three(std)}
    return {key: value for key, value in look.items() if value is not None}


def _three(values: object) -> tuple[float, ...] | None:
    return tuple(float(one) for one in values) if isinstance(values, list) and len(values) == 3 else None
