"""Detection: objects with boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from askance.pool import Images
from askance.tasks.detection.known import KnownDetection, is_known
from askance.tasks.detection.task import Detection
from askance.vocab import ConfigError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

_HEARD = {"start", "device", "precision"}
"""Settings of `[train]` that detection follows; how long and how fast it learns, `[detector]` says."""

__all__ = ["Detection", "KnownDetection", "detection_by", "is_known"]


def detection_by(
    model: ModelConfig,
    train: TrainConfig,
    detector: DetectorConfig,
    classes: Sequence[str],
    images: Images,
    *,
    sizes: Mapping[str, tuple[int, int]],
    features: Path | None = None,
) -> Detection | KnownDetection:
    """Detection by whatever `model.name` names: heads on the maps of a trunk, or a whole detector.

    Args:
        model: the network.
        train: on which device heads are trained.
        detector: how objects are found.
        classes: names, in the order of the outputs.
        images: where pixels come from.
        sizes: image id -> its width and height, as people see it.
        features: folder for maps; None keeps them in memory.

    Raises:
        ConfigError: as both do, and for settings that would change nothing.
    """
    check_options(model, train)
    if is_known(model.name):
        return KnownDetection(model, detector, classes, images, sizes=sizes)
    return Detection(model, train, detector, classes, images, sizes=sizes, features=features)


def check_options(model: ModelConfig, train: TrainConfig) -> None:
    """Refuse settings that say something other than usual and that nothing here listens to.

    Raises:
        ConfigError: there is one.
    """
    usual = TrainConfig()
    frozen = is_known(model.name) or model.train in (None, "head")
    heard = _HEARD if frozen else _HEARD | {"trunk_learning_rate"}
    deaf = [
        f"train.{name} = {getattr(train, name)}"
        for name in TrainConfig.model_fields
        if name not in heard and getattr(train, name) != getattr(usual, name)
    ]
    if deaf:
        raise ConfigError(
            "settings that detection follows",
            ", ".join(deaf),
            "leave them out; detector.epochs, "
            "detector.learning_rate and detector.weight_decay say how heads are trained",
        )
    if model.train == "blocks" and is_known(model.name):
        raise ConfigError(
            f"model.train = head or all, where {model.name} is a detector by itself",
            "model.train = blocks",
            'model.train = "head" or "all"',
        )
