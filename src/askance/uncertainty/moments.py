"""Dropout at the end of a head without sampling: moments of the logits.

Letters: N images, D features, H inputs of the last layer, K draws, C classes.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from askance.maths import Draws, GaussianLogits, keyed_seed
from askance.uncertainty.heads import check_features, check_k, frozen, head_from, head_tensors, in_blocks, wide
from askance.uncertainty.split import flat_layers, head_width, is_dropout, is_nothing, no_dropout
from askance.uncertainty.stochastic import stochastic_layers
from askance.vocab import ModelError

STEP_BYTES = 1 << 27
"""How much float64 of `[n, C, max(C, H)]` is worked on at once."""

PRODUCTS = 1 << 23
"""Bytes of `[H, C, C]` up to which covariances are one matrix product."""


def dropout_moments(head: nn.Sequential, features: Float[Tensor, "N D"]) -> GaussianLogits:
    """The mean `[N, C]` and covariance `[N, C, C]` of the logits under dropout, float64.

    With h the inputs of the last layer, m and v their means and variances::

        mean = W m + b,   covariance = W diag(v) W^T

    Dropout right before the last layer keeps an input g with probability 1 - p and scales it by 1 / (1 - p):
    m = g and v = p / (1 - p) g^2. Both moments are then exact: what infinitely many masks would give. That the
    logits are Gaussian is not: a sum over H inputs is near it where many of them count.

    Dropout -> linear -> ReLU -> (dropout ->) linear is taken as Wang and Manning 2013, "Fast dropout training"
    (ICML) do: what goes into a ReLU is a sum over D inputs, so nearly Gaussian, with exact mean `W1 z + b1` and
    variance `p1 / (1 - p1) W1^2 z^2`; `rectified` gives the moments of what comes out. Hidden units are taken to
    be independent, though they share the inputs that are dropped.

    Args:
        head: any deterministic layers, then as above.
        features: `[N, D]`, as the head takes them.

    Raises:
        ModelError: something else in the head is random, or nothing is.

    >>> head = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 1, bias=False))
    >>> _ = nn.init.ones_(head[1].weight)
    >>> dropout_moments(head, torch.tensor([[1.0, 2.0]])).covariance
    tensor([[[5.]]], dtype=torch.float64)
    """
    return _Law.of(frozen(head)).logits(features)


@dataclass(frozen=True, slots=True, eq=False)
class DropoutMoments:
    """Draws from Gaussian logits with the moments of dropout in the last one or two layers.

    Not joint: each image has its own Gaussian. Where draws have to be functions over all images, take
    `MCDropout`.

    Args:
        head: as `dropout_moments` takes it; a copy is kept.

    Raises:
        ModelError: as `dropout_moments`.
    """

    head: nn.Sequential
    _law: "_Law" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", frozen(self.head))
        object.__setattr__(self, "_law", _Law.of(self.head))

    @property
    def most(self) -> None:
        """There is no end of draws."""

    def logits(self, features: Float[Tensor, "N D"]) -> GaussianLogits:
        """The Gaussian that is drawn from, `[N, C]` and `[N, C, C]`."""
        return self._law.logits(features)

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K draws, `[N, K, C]`, not joint; the same normals serve all images.

        The covariances of few images are alive at once.
        """
        check_k(k)
        check_features(features, self._law.width)
        parts = []
        for some in torch.split(features, self._law.step):
            generator = torch.Generator().manual_seed(keyed_seed("gaussian logits", seed))
            parts.append(self.logits(some).draw(k, generator, wide(self._law.last.weight.dtype)))
        return Draws.cat(parts)

    def tensors(self) -> dict[str, Tensor]:
        """The head's."""
        return head_tensors(self.head)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "DropoutMoments":
        """From what `tensors` gave."""
        return cls(head_from(tensors, head))


def rectified(
    mean: Float64[Tensor, "*B"], variance: Float64[Tensor, "*B"]
) -> tuple[Float64[Tensor, "*B"], Float64[Tensor, "*B"]]:
    """Mean and variance of max(a, 0) where a is Gaussian.

    With t = mean / s, Phi and phi of the standard normal: the mean is `mean Phi(t) + s phi(t)`, the variance
    `s^2 (Phi + t^2 Phi (1 - Phi) + t phi (1 - 2 Phi) - phi^2)`, in [0, s^2]: nothing cancels where s is small
    (Frey and Hinton 1999, "Variational learning in nonlinear Gaussian belief networks", appendix).

    >>> one = torch.ones(1, dtype=torch.float64)
    >>> rectified(0 * one, one)  # 1 / sqrt(2 pi), 1/2 - 1 / (2 pi)
    (tensor([0.3989], dtype=torch.float64), tensor([0.3408], dtype=torch.float64))
    """
    s = variance.clamp_min(0).sqrt()
    t = (mean / s.clamp_min(torch.finfo(s.dtype).tiny)).clamp(-_FAR, _FAR)
    below = torch.special.ndtr(t)
    density = torch.exp(-0.5 * t.square()) / math.sqrt(2 * math.pi)
    share = below + t.square() * below * (1 - below) + t * density * (1 - 2 * below) - density.square()
    return mean * below + s * density, variance * share.clamp(0, 1)


_FAR = 40.0
"""Standard deviations beyond which float64 knows no difference."""


@dataclass(frozen=True, slots=True, eq=False)
class _Law:
    """A head as its moments need it.

    Attributes:
        before: the deterministic layers.
        first: the linear layer before the ReLU, and p of the dropout before it; None where there is none.
        p: of the dropout before the last layer, 0 for none.
        last: to logits.
        width: D.
    """

    before: nn.Sequential
    first: tuple[nn.Linear, float] | None
    p: float
    last: nn.Linear
    width: int

    @classmethod
    def of(cls, head: nn.Sequential) -> "_Law":
        layers = [layer for _, layer in flat_layers(head) if not is_nothing(layer)]
        if not layers or type(layers[-1]) is not nn.Linear:
            raise ModelError(
                "a head that ends with nn.Linear(features, classes)",
                f"{type(layers[-1]).__name__} at its end" if layers else "no layers",
                "leave the softmax to the loss; draws are normalised here",
            )
        others = any(not layer.handled for layer in stochastic_layers(head))
        kinds = "".join(_letter(layer) for layer in layers)
        found = re.fullmatch("[^M]*?(MLRM|MLR|M)L", kinds)
        if others or not found:
            raise no_dropout(head) if not others and "M" not in kinds else _too_random(head)
        start, width = found.start(1), head_width(head)
        before = nn.Sequential(*layers[:start])
        match layers[start:]:
            case [nn.Dropout() as only, nn.Linear() as last]:
                return cls(before, None, only.p, last, width)
            case [nn.Dropout() as inputs, nn.Linear() as first, nn.ReLU(), *between, nn.Linear() as last]:
                hidden = between[0].p if between and isinstance(between[0], nn.Dropout) else 0.0
                return cls(before, (first, inputs.p), hidden, last, width)
        raise AssertionError(kinds)

    @property
    def step(self) -> int:
        c, h = self.last.weight.shape
        return max(1, STEP_BYTES // (8 * c * max(c, h)))

    @torch.no_grad()
    def logits(self, features: Float[Tensor, "N D"]) -> GaussianLogits:
        check_features(features, self.width)
        m, v = self._inputs(features)
        v = (v + self.p * m.square()) / (1 - self.p)
        weight = self.last.weight.double()
        mean = m @ weight.T
        if self.last.bias is not None:
            mean = mean + self.last.bias.double()
        parts = [_covariance(weight, some) for some in torch.split(v, self.step)]
        return GaussianLogits(mean, torch.cat(parts))

    def _inputs(self, features: Tensor) -> tuple[Float64[Tensor, "N H"], Float64[Tensor, "N H"]]:
        """Means and variances of what goes into the last dropout."""
        if self.first is None:
            g = in_blocks(self._before, features).double()
            return g, torch.zeros_like(g)
        linear, p = self.first
        dtype = wide(linear.weight.dtype)
        weight = linear.weight.to(dtype)
        squares = weight.square().mul_(p / (1 - p))
        bias = None if linear.bias is None else linear.bias.to(dtype)

        def sums(block: Tensor) -> Tensor:
            z = self._before(block).to(dtype)
            return torch.cat([nn.functional.linear(z, weight, bias), z.square() @ squares.T], dim=1)

        mean, variance = in_blocks(sums, features).double().chunk(2, dim=1)
        return rectified(mean, variance)

    def _before(self, block: Tensor) -> Tensor:
        given: Tensor = self.before(block.to(self.last.weight))
        return given


def _covariance(weight: Float64[Tensor, "C H"], variance: Float64[Tensor, "n H"]) -> Float64[Tensor, "n C C"]:
    """W diag(v) W^T."""
    c, h = weight.shape
    if 8 * h * c * c <= PRODUCTS:
        return (variance @ torch.einsum("ch,dh->hcd", weight, weight).flatten(1)).view(-1, c, c)
    scaled = weight * variance.sqrt().unsqueeze(1)  # [n, C, H]
    return scaled @ scaled.mT


def _letter(layer: nn.Module) -> str:
    kinds = {nn.Linear: "L", nn.ReLU: "R"}
    return "M" if is_dropout(layer) else kinds.get(type(layer), "?")


def _too_random(head: nn.Sequential) -> ModelError:
    return ModelError(
        "nn.Dropout right before the last linear layer, or nn.Dropout, nn.Linear, nn.ReLU and perhaps nn.Dropout "
        "before it, as all that is random in the head",
        " -> ".join(type(layer).__name__ for _, layer in flat_layers(head)),
        "draw from MCDropout, which takes nn.Dropout anywhere in the head",
    )
