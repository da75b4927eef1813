"""The networks of transformers' detectors: of a model type, or as a repository of its hub says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from askance.networks import HubFile, check_library, fetched
from askance.networks.detectors.detr import DetrLook
from askance.networks.detectors.filling import filled
from askance.networks.weights import read
from askance.vocab import MissingExtra, ModelError
from askance.vocab.config import NO_WEIGHTS, PRETRAINED


def transformers_net(
    name: str, classes: Sequence[str], options: Mapping[str, Any], weights: str | None
) -> tuple[nn.Module, DetrLook]:
    """A network of a type or a repository, and how it looks at an image.

    Raises:
        MissingExtra: transformers is not installed.
        ModelError: another type, options that it does not take, weights that cannot be had.
    """
    try:
        from transformers import AutoConfig, AutoModelForObjectDetection
    except ImportError as error:
        raise MissingExtra(
            "the library transformers", str(error), "pip install 'askance[transformers]'"
        ) from error
    given = dict(options)
    size = given.pop("size", 640)
    look = DetrLook((size, size) if isinstance(size, int) else tuple(size))
    kind = name.partition("/")[2]
    labels = {"num_labels": len(classes)}
    try:
        if "/" in kind:
            described = fetched(HubFile(kind, "config.json"), f"what {name} is made of")
            wanted = AutoConfig.from_pretrained(described.parent, **labels, **given)
        else:
            wanted = AutoConfig.for_model(kind, **labels, **given)
        if not hasattr(wanted, "num_queries") or not hasattr(wanted, "decoder_layers"):
            raise ValueError(f"{kind} is no detector with queries")
        if weights == PRETRAINED:
            check_library(name)
            folder = fetched(HubFile(kind), f"the pretrained weights of {name}").parent
            return AutoModelForObjectDetection.from_pretrained(
                folder, config=wanted, ignore_mismatched_sizes=True, use_safetensors=True
            ), look
        auto: Any = AutoModelForObjectDetection
        made: nn.Module = auto.from_config(wanted)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise ModelError(
            "a detector of transformers, rt_detr, rt_detr_v2 or d_fine, and options that it takes",
            f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}",
            f"correct model.name, or model.options = {dict(options)}",
        ) from error
    if weights not in (None, NO_WEIGHTS):
        filled(made, read(Path(str(weights))), f"weights of {name} in {weights}", _BY_CLASS)
    return made, look


_BY_CLASS = ("class_embed.", "enc_score_head.", "denoising_class_embed.")
