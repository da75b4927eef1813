"""Where training starts: at a model that is given, at a trunk that has weights, or from scratch.

Letters: C classes, D features.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from askance.maths import keyed_seed
from askance.networks.model import build, build_head, build_trunk, classes_of, features_of, is_own, join
from askance.networks.trunks import given_trunk
from askance.tasks.classification.several import hold_nothing
from askance.uncertainty import SplitNet
from askance.vocab.config import ModelConfig


@dataclass
class Begin:
    """Networks that have not been trained here.

    Attributes:
        model: which network.
        n_classes: C.
        nothing: whether the last output is of nothing and stays at zero, see `several`.
        features: the folder where the weights of frozen trunks are kept; None: nowhere.
    """

    model: ModelConfig
    n_classes: int
    features: Path | None
    nothing: bool = False

    def start(self, warm: SplitNet | None, seed: int) -> tuple[SplitNet, str]:
        """Where training starts, and that in words."""
        if warm is not None and classes_of(warm) == self.n_classes:
            return warm, "the model given"
        net = self.fresh(seed)
        if warm is None:
            return net, "scratch"
        return net, f"scratch: the model given has {classes_of(warm)} classes, now there are {self.n_classes}"

    def further(self, start: SplitNet, seed: int, member: int, last: SplitNet) -> SplitNet:
        """Where another network of an ensemble starts; of snapshots, where the last one ended."""
        if self.model.posterior == "snapshots":
            return last
        given = start.members[member : member + 1]
        return given[0] if given else self.fresh(keyed_seed("member", seed, member))

    def fresh(self, seed: int, n_classes: int | None = None) -> SplitNet:
        """A network that has not been trained here."""
        n_classes = n_classes or self.n_classes
        if is_own(self.model):
            return build(self.model, n_classes, keyed_seed("init", seed))
        if self.model.has_weights:
            trunk, width = self._given_trunk
        else:
            trunk = build_trunk(self.model, keyed_seed("init", seed))
            width = features_of(trunk, self.model)
        head = build_head(self.model, width, n_classes, keyed_seed("init", seed))
        return join(trunk, hold_nothing(head) if self.nothing else head)

    @cached_property
    def untrained(self) -> SplitNet:
        """The given trunk under a head that says nothing yet."""
        return self.fresh(0, max(2, self.n_classes))

    @cached_property
    def _given_trunk(self) -> tuple[nn.Module, int]:
        """The trunk with its weights, read once, and D; what is trained is a copy."""
        return given_trunk(self.model, self.features)
