"""Where training runs, and at which precision."""

from lightning_fabric import Fabric

from askance.vocab import ConfigError
from askance.vocab.config import TrainConfig

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
"""Weights stay float32: what is saved does not depend on the machine."""


def fabric_of(train: TrainConfig) -> Fabric:
    """One device, at the precision asked for.

    Raises:
        ConfigError: another precision, or a device this machine does not have.
    """
    if train.precision not in PRECISIONS:
        raise ConfigError(f"train.precision one of {', '.join(PRECISIONS)}", train.precision, "choose one of them")
    try:
        return Fabric(accelerator=train.device, devices=1, precision=train.precision)  # type: ignore[arg-type]
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(
            "a device this machine has", f"{train.device}: {error}", "set train.device = 'auto'"
        ) from error
