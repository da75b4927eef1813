"""Networks whose random numbers lie in every way that people write: images first, second, folded, or nowhere."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

Forward = Callable[[Any, Tensor], Tensor]


class Small(nn.Module):
    """A body, 12 hidden units, 3 classes; what happens between them is an argument."""

    def __init__(self, forward: Forward, **more: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.hidden, self.out, self.drop = nn.Linear(72, 12), nn.Linear(12, 3), nn.Dropout(0.4)
        self.written = forward
        for name, module in more.items():
            setattr(self, name, module)

    def units(self, x: Tensor) -> Tensor:
        return self.hidden(self.body(x)).relu()

    def forward(self, x: Tensor) -> Tensor:
        return self.written(self, x)


class Tokens(nn.Module):
    """Nine patches an image, through layers that want them first or second."""

    def __init__(self, layers: nn.Module, *, first: bool) -> None:
        super().__init__()
        self.patches, self.layers, self.out, self.first = (
            nn.Conv2d(3, 8, 4, stride=4),
            layers,
            nn.Linear(8, 3),
            first,
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2)
        found = self.layers(tokens.permute(0, 2, 1) if self.first else tokens.permute(2, 0, 1))
        found = found[0] if isinstance(found, tuple) else found
        return self.out(found.mean(1 if self.first else 0))


class Attention(nn.Module):
    def __init__(self, *, first: bool, weights: bool) -> None:
        super().__init__()
        self.attention, self.weights = nn.MultiheadAttention(8, 4, dropout=0.3, batch_first=first), weights

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.attention(tokens, tokens, tokens, need_weights=self.weights)[0]


class Windows(nn.Module):
    """Attention within three windows of three tokens, `[N * 3, 3, 3]`."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.3)

    def forward(self, tokens: Tensor) -> Tensor:
        windows = tokens.reshape(len(tokens) * 3, 3, 8)
        return (self.drop(torch.softmax(windows @ windows.mT, -1)) @ windows).reshape(len(tokens), 9, 8)


def _encoder(*, first: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=first)
    return Tokens(nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), first=first)


def _recurrent(kind: Callable[..., nn.Module], *, first: bool) -> nn.Module:
    return Tokens(kind(8, 8, num_layers=2, dropout=0.4, batch_first=first), first=first)


def _sequential(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), *layers, nn.Flatten(), nn.Linear(72, 3))


def _images_inside(net: Any, x: Tensor) -> Tensor:
    """Tokens first, then folded together: `[9 * N, 8]`, the images change fastest."""
    tokens = net.body(x).unflatten(1, (9, 8)).transpose(0, 1)
    tokens = net.drop(tokens.flatten(0, 1)).unflatten(0, (9, len(x))).transpose(0, 1)
    return net.out(net.hidden(tokens.flatten(1)).relu())


def _noise_of_weights(net: Any, x: Tensor) -> Tensor:
    weight = net.hidden.weight + 0.1 * torch.randn_like(net.hidden.weight)
    return net.out(functional.linear(net.body(x), weight, net.hidden.bias).relu())


def _weights_by_distribution(net: Any, x: Tensor) -> Tensor:
    noise = torch.distributions.Normal(torch.eye(12), 0.1 * torch.ones(12, 12)).rsample()
    return net.out(net.units(x) @ noise)


def _one_crop(net: Any, x: Tensor) -> Tensor:
    i = int(torch.randint(0, 3, (1,)))
    return net.out(net.units(x[:, :, i : i + 9, i : i + 9]))


def _a_crop_each(net: Any, x: Tensor) -> Tensor:
    at = torch.randint(0, 3, (len(x),)).tolist()
    return net.out(net.units(torch.stack([one[:, i : i + 9, i : i + 9] for one, i in zip(x, at, strict=True)])))


def _layers_left_out(net: Any, x: Tensor) -> Tensor:
    """Which layers run follows from the draw, and with them who asks for random numbers."""
    found = net.units(x)
    for layer in net.layers:
        if torch.rand([]) > 0.4:
            found = layer(found)
    return net.out(found)


def _by_python(net: Any, x: Tensor) -> Tensor:
    found = net.drop(net.units(x))
    return net.out(found * 2 if random.random() < 0.5 else found)


def _by_numpy(net: Any, x: Tensor) -> Tensor:
    return net.out(net.units(x) * float(np.random.rand()))  # noqa: NPY002 - it is what people call


def _padded(net: Any, x: Tensor) -> Tensor:
    found = net.units(x)
    return net.out(net.drop(torch.cat([found, found.new_zeros(-len(x) % 8, 12)]))[: len(x)])


def _a_part_of_the_batch(net: Any, x: Tensor) -> Tensor:
    found = net.units(x)
    some = torch.randperm(len(x))[: max(1, len(x) // 2)]
    return net.out(found.index_add(0, some, net.drop(found[some])))


def _across_images(net: Any, x: Tensor) -> Tensor:
    found = net.units(x)
    return net.out(found + functional.dropout(torch.softmax(found @ found.T, -1), 0.4) @ found)


def _bits(layers: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Sequential(nn.Linear(12, 12), nn.Dropout(0.3), nn.ReLU()) for _ in range(layers))


JOINT: dict[str, Callable[[], nn.Module]] = {
    "encoder, tokens first": lambda: _encoder(first=False),
    "encoder, images first": lambda: _encoder(first=True),
    "attention, tokens first": lambda: Tokens(Attention(first=False, weights=False), first=False),
    "attention with its weights": lambda: Tokens(Attention(first=True, weights=True), first=True),
    "LSTM": lambda: _recurrent(nn.LSTM, first=True),
    "GRU": lambda: _recurrent(nn.GRU, first=False),
    "windows": lambda: Tokens(Windows(), first=True),
    "images fastest": lambda: Small(_images_inside),
    "images in another order": lambda: Small(lambda net, x: net.out(net.drop(net.units(x).flip(0)).flip(0))),
    "noise of weights": lambda: Small(_noise_of_weights),
    "noise of a bias": lambda: Small(lambda net, x: net.out(net.units(x) + torch.randn(12))),
    "noise of pixels, for all images": lambda: Small(
        lambda net, x: net.out(net.units(x + torch.rand(x.shape[1:])))
    ),
    "noise of pixels": lambda: Small(lambda net, x: net.out(net.units(x + torch.randn_like(x)))),
    "weights by a distribution": lambda: Small(_weights_by_distribution),
    "Gumbel": lambda: Small(lambda net, x: net.out(functional.gumbel_softmax(net.units(x)))),
    "coins": lambda: Small(lambda net, x: net.out(net.units(x) * torch.bernoulli(torch.full((len(x), 12), 0.5)))),
    "a function always on": lambda: Small(lambda net, x: net.out(functional.dropout(net.units(x), 0.4))),
    "one crop": lambda: Small(_one_crop),
    "a crop each": lambda: Small(_a_crop_each),
    "layers left out": lambda: Small(_layers_left_out, layers=_bits(4)),
    "Python's random": lambda: Small(_by_python),
    "numpy's random": lambda: Small(_by_numpy),
    "Dropout": lambda: _sequential(nn.Dropout(0.3)),
    "Dropout1d": lambda: _sequential(nn.Flatten(2), nn.Dropout1d(0.3)),
    "Dropout2d": lambda: _sequential(nn.Dropout2d(0.3)),
    "Dropout3d": lambda: _sequential(nn.Unflatten(1, (2, 4)), nn.Dropout3d(0.3)),
    "AlphaDropout": lambda: _sequential(nn.AlphaDropout(0.3)),
    "FeatureAlphaDropout": lambda: _sequential(nn.FeatureAlphaDropout(0.3)),
    "branches, an image each": lambda: _sequential(StochasticDepth(0.3, "row")),
    "branches, a batch at once": lambda: _sequential(StochasticDepth(0.3, "batch")),
}
"""Of these a draw can be one function, and is."""

APART: dict[str, Callable[[], nn.Module]] = {
    "in two parts": lambda: Small(lambda net, x: net.out(torch.cat([net.drop(h) for h in net.units(x).chunk(2)]))),
    "four at a time": lambda: Small(
        lambda net, x: net.out(torch.cat([net.drop(h) for h in net.units(x).split(4)]))
    ),
    "one at a time": lambda: Small(
        lambda net, x: torch.cat([net.out(net.drop(net.units(one[None]))) for one in x])
    ),
    "filled up to eight": lambda: Small(_padded),
    "a part of the batch": lambda: Small(_a_part_of_the_batch),
    "across images": lambda: Small(_across_images),
    "the first six alone": lambda: Small(
        lambda net, x: net.out(torch.cat([net.drop(net.units(x)[:6]), net.units(x)[6:]]).softmax(1))
    ),
    "in small batches alone": lambda: Small(
        lambda net, x: net.out((net.drop(net.units(x)) if len(x) < 7 else net.units(x)).softmax(1))
    ),
    "leaky, each its own": lambda: _sequential(nn.RReLU(0.1, 0.9)),
    "normalised by the batch": lambda: _sequential(nn.BatchNorm2d(8, track_running_stats=False), nn.Dropout(0.3)),
}
"""Of these it cannot: what an image is given depends on the images beside it."""
