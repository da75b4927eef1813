"""Which weights the trunk of a project starts from, when the project is at work."""

import logging

from askance.loop.already import model_file
from askance.loop.project import Project
from askance.networks.weights import is_here
from askance.session.trust import check_trust
from askance.vocab.config import PRETRAINED, ModelConfig

_NETWORK = ("name", "head", "options", "channels", "size")
"""Settings that a trunk's layers follow from."""

_log = logging.getLogger(__name__)


def model_of(project: Project) -> ModelConfig:
    """The project's `[model]`, with weights that can be found from anywhere.

    Pretrained weights that are no longer in their library's cache are taken from a round's own model, where that
    has them as they came: under a trunk that training did not move.

    Raises:
        ConfigError: a network that runs code which is not trusted, see `trust`.
    """
    check_trust(project.root, project.config.model)
    model = project.config.model.weights_under(project.root)
    if model.weights == PRETRAINED and not is_here(model.name) and (kept := _kept(project, model)) is not None:
        _log.info("the weights of %s are not in the cache any more: they are taken from %s", model.name, kept)
        return model.model_copy(update={"weights": kept, "train": "head"})
    return model


def _kept(project: Project, model: ModelConfig) -> str | None:
    """The file of the first round that was trained over the same frozen trunk: round after round the same file."""
    if model.train in ("blocks", "all") or model.head == "own":
        return None
    now, plain = model.model_dump(mode="json"), ModelConfig().model_dump(mode="json")
    for one in project.store.rounds():
        settings = one.config.get("settings")
        then = settings.get("model") if isinstance(settings, dict) else None
        file = model_file(project, one.number)
        if isinstance(then, dict) and file.exists():
            then = {**plain, **then}  # a setting that came later was as it is unset
            same = all(then.get(key) == now[key] for key in _NETWORK)
            if same and then.get("weights") == PRETRAINED and then.get("train") in (None, "head"):
                return str(file)
    return None
