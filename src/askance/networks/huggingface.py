"""Image classifiers of Hugging Face's transformers: of a model type, or as a repository of its hub says."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from pathlib import Path

from torch import nn

from askance.networks import HubFile, fetched
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig


def transformers_model(
    name: str, config: ModelConfig, n_classes: int = 0, weights: Path | None = None
) -> tuple[nn.Module, frozenset[str]]:
    """An image classifier of transformers, of a model type or a repository, with random weights or from a folder.

    Returns the network and the names of the tensors that the folder's file did not have, or in another shape.

    Raises:
        ModelError: transformers is not installed, an unknown type, a repository that cannot be had, or options and
            a size that it does not take.
    """
    try:
        from transformers import AutoConfig, AutoModelForImageClassification
    except ImportError as error:
        raise ModelError("the library transformers", str(error), "pip install 'askance[transformers]'") from error
    seen = {"image_size": config.size, "num_channels": config.channels, "num_labels": n_classes or 2}
    look = {**seen, **config.options}
    own = {"trust_remote_code": bool(look.pop("trust_remote_code", False))}  # else the library would ask
    described = fetched(HubFile(name, "config.json"), f"what {config.name} is made of") if "/" in name else None
    try:
        if described is None:
            wanted = AutoConfig.for_model(name, **look)
        else:
            wanted = AutoConfig.from_pretrained(described.parent, **own, **look)
        if weights is None:
            made: nn.Module = AutoModelForImageClassification.from_config(wanted, **own)  # type: ignore[no-untyped-call]
            return made, frozenset()
        with _without_reports():
            made, found = AutoModelForImageClassification.from_pretrained(
                weights,
                config=wanted,
                ignore_mismatched_sizes=True,
                use_safetensors=True,
                output_loading_info=True,
                **own,
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise ModelError(
            "a model type of transformers that classifies images, as transformers/vit, and options it takes",
            f"{config.name}: {(str(error) or type(error).__name__).splitlines()[0]}",
            f"correct model.name, or model.options = {config.options}",
        ) from error
    return made, frozenset(found["missing_keys"]) | {key for key, *_ in found["mismatched_keys"]}


@contextmanager
def _without_reports() -> Iterator[None]:
    """Transformers' table of what did not fit is left out: whoever asked says it."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
