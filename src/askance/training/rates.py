"""At which rates Adam goes: those that were asked for, or what suits what is trained.

Heads alone and networks from scratch go fast. Weights that were given are moved with care, and the trunk, which
knows something already, at a tenth of the head's rate (discriminative fine-tuning, Howard & Ruder 2018). Networks
with layer normalisation (transformers, ConvNeXt, Swin) bear less than other convolutional ones.
"""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from askance.vocab import ConfigError
from askance.vocab.config import TrainConfig

PLAIN = 2e-3
"""Of heads alone, and of networks from scratch."""

CONVOLUTIONAL = 1e-3
"""Of the head on given weights of a network without layer normalisation."""

LAYER_NORMALISED = 3e-4
"""Of the head on given weights of a network with it."""

TRUNK = 0.1
"""Of the head's rate, for a trunk with given weights."""


@dataclass(frozen=True)
class Rates:
    """What there is to choose from.

    Attributes:
        values: of the head, each above 0, one or more.
        why: where they come from.
        trunk: the trunk's share of the head's rate; None: it has none of its own.
    """

    values: tuple[float, ...]
    why: str
    trunk: float | None = None

    def fixed(self, config: TrainConfig, rate: float) -> TrainConfig:
        """The configuration with this rate alone, and the trunk's."""
        trunk = config.trunk_learning_rate
        if trunk is None and self.trunk is not None:
            trunk = rate * self.trunk
        return config.model_copy(update={"learning_rate": rate, "trunk_learning_rate": trunk})


def rates_of(net: nn.Module, config: TrainConfig, moves: Literal["head", "all"], *, given: bool) -> Rates:
    """The rates a training may go at.

    Args:
        net: what is trained.
        config: what was asked for.
        moves: what training moves.
        given: whether the trunk's weights were given.

    >>> rates_of(nn.Linear(2, 2), TrainConfig(), "head", given=True)
    Rates(values=(0.002,), why='default for a head alone', trunk=None)
    >>> rates_of(nn.Linear(2, 2), TrainConfig(learning_rate=[1e-2, 1e-3]), "all", given=True).values
    (0.01, 0.001)
    """
    trunk = TRUNK if moves == "all" and given else None
    if config.learning_rate is not None:
        return Rates(_several(config.learning_rate), "given", trunk)
    if moves == "head":
        return Rates((PLAIN,), "default for a head alone")
    if not given:
        return Rates((PLAIN,), "default for a network from scratch")
    if is_layer_normalised(net):
        return Rates((LAYER_NORMALISED,), "default for given weights of a network with layer normalisation", trunk)
    return Rates((CONVOLUTIONAL,), "default for given weights of a network without layer normalisation", trunk)


def rate_of(config: TrainConfig) -> float:
    """The one rate of a configuration; `PLAIN` where none was asked for.

    Raises:
        ConfigError: there are several.
    """
    if config.learning_rate is None:
        return PLAIN
    values = _several(config.learning_rate)
    if len(values) > 1:
        raise ConfigError("one learning rate for one training", str(values), "choose one of them")
    return values[0]


def is_layer_normalised(net: nn.Module) -> bool:
    """Whether any layer normalises over features (LayerNorm, RMSNorm and their kin), by the names of classes.

    >>> is_layer_normalised(nn.Sequential(nn.LayerNorm(3))), is_layer_normalised(nn.BatchNorm2d(3))
    (True, False)
    """
    return any(kind in type(layer).__name__ for layer in net.modules() for kind in ("LayerNorm", "RMSNorm"))


def _several(rate: float | tuple[float, ...]) -> tuple[float, ...]:
    return rate if isinstance(rate, tuple) else (rate,)
