"""What is found to be random, and whether it is drawn from."""

import pytest
import torch
from timm.layers import DropPath
from torch import nn
from torchvision.ops import StochasticDepth

from askance.uncertainty import SplitNet, cut, split, stochastic_layers


class Block(nn.Module):
    """A residual branch with its own dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        return x + self.drop(x)


def found(model: nn.Module) -> list[tuple[str, str, float, bool]]:
    return [(layer.name, layer.kind, layer.p, layer.handled) for layer in stochastic_layers(model)]


@pytest.mark.parametrize(
    ("layer", "kind", "p"),
    [
        (nn.Dropout1d(0.1), "Dropout1d", 0.1),
        (nn.Dropout2d(0.1), "Dropout2d", 0.1),
        (nn.Dropout3d(0.1), "Dropout3d", 0.1),
        (nn.AlphaDropout(0.1), "AlphaDropout", 0.1),
        (nn.FeatureAlphaDropout(0.1), "FeatureAlphaDropout", 0.1),
        (DropPath(0.1), "DropPath", 0.1),
        (StochasticDepth(0.1, "row"), "StochasticDepth", 0.1),
        (nn.MultiheadAttention(4, 2, dropout=0.1), "MultiheadAttention", 0.1),
        (nn.LSTM(4, 4, num_layers=2, dropout=0.1), "LSTM", 0.1),
    ],
)
def test_other_kinds_are_listed_and_not_handled(layer, kind, p):
    net = SplitNet(nn.Sequential(layer, nn.Flatten()), nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)))
    assert found(net) == [("trunk.0", kind, p, False), ("head.0", "Dropout", 0.5, True)]
    assert all(entry.note for entry in stochastic_layers(net))


def test_only_dropout_of_the_head_itself_is_handled():
    head = nn.Sequential(nn.Sequential(nn.Dropout(0.3)), Block(), nn.Dropout(0.0), nn.Linear(4, 2))
    net = SplitNet(nn.Sequential(nn.Dropout(0.1), nn.Flatten()), head)
    assert found(net) == [
        ("trunk.0", "Dropout", 0.1, False),
        ("head.0.0", "Dropout", 0.3, True),
        ("head.1.drop", "Dropout", 0.2, False),
    ]


def test_what_is_off_is_not_random():
    model = nn.Sequential(nn.Dropout(0.0), DropPath(0.0), nn.MultiheadAttention(4, 2), nn.Linear(4, 2))
    assert stochastic_layers(model) == []


def test_a_sequential_is_seen_as_it_would_be_scored():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    assert found(model) == [("1", "Dropout", 0.5, True)]
    assert found(split(model)) == [("head.0", "Dropout", 0.5, True)]


def test_in_any_other_module_nothing_is_handled():
    assert found(Block()) == [("drop", "Dropout", 0.2, False)]


def test_what_lies_behind_the_cut_is_listed_once():
    whole = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    net = cut(whole, torch.randn(2, 4))
    assert net is not None
    assert [(layer.name, layer.handled) for layer in stochastic_layers(net)] == [("head.0", True)]
