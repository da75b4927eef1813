"""SWAG: a Gaussian over weights from where training wandered (Maddox et al. 2019, arXiv 1902.02476).

Letters: N images, D features, P weights, R deviations kept, T snapshots, K draws, C classes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from askance.maths import Draws
from askance.uncertainty.heads import check_k, draws_of, frozen, head_from, head_tensors, tensor_of, wide
from askance.uncertainty.noise import keyed_normals
from askance.vocab import ModelError


class Collector:
    """Running moments of a module's floating-point parameters, and how the last ones deviated (algorithm 1).

    After each snapshot t, with the moments kept in float64::

        mean_t = mean_{t-1} + (w_t - mean_{t-1}) / t,   deviation_t = w_t - mean_t

    Args:
        rank: R, how many of the last deviations are kept; each costs as much memory as the weights.

    Raises:
        ModelError: a rank below 2, which spans no covariance.

    >>> collector, head = Collector(rank=5), nn.Sequential(nn.Linear(4, 2))
    >>> for step in range(3):
    ...     _ = nn.init.constant_(head[0].bias, float(step))
    ...     collector.take(head)
    >>> collector.posterior(head).mean[-2:]
    tensor([1., 1.])
    """

    def __init__(self, *, rank: int = 20) -> None:
        if rank < 2:
            raise ModelError("a rank of at least 2", f"rank={rank}", "keep 20 deviations, as the paper does")
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._count = 0
        self._mean = self._squares = torch.zeros(0)
        self._deviations: deque[Tensor] = deque(maxlen=rank)

    @torch.no_grad()
    def take(self, module: nn.Module) -> None:
        """Take a snapshot: once an epoch, after the rate has stopped falling.

        Raises:
            ModelError: parameters of other names or shapes than in the snapshots before.
        """
        shapes = {name: tuple(weight.shape) for name, weight in _weights(module)}
        if self._count and shapes != self._shapes:
            raise ModelError(
                "the module of the snapshots before", "parameters of other names or shapes", "a collector a module"
            )
        weights = _flat(module).double()
        if not self._count:
            self._shapes = shapes
            self._mean, self._squares = torch.zeros_like(weights), torch.zeros_like(weights)
        self._count += 1
        before = weights - self._mean
        self._mean += before / self._count
        after = weights - self._mean
        self._squares += before * after
        self._deviations.append(after.to(_dtype(module)))

    def posterior(self, head: nn.Sequential) -> "Swag":
        """The posterior so far; the head lends its layers and buffers.

        Raises:
            ModelError: fewer than two snapshots, or a head that is not the module they were of.
        """
        if self._count < 2:
            raise ModelError("at least two snapshots", str(self._count), "call take(module) after each epoch")
        if {name: tuple(weight.shape) for name, weight in _weights(head)} != self._shapes:
            raise ModelError(
                "the module of the snapshots", "parameters of other names or shapes", "give that head"
            )
        dtype = _dtype(head)
        variance = (self._squares / self._count).clamp_min(0)
        return Swag(head, self._mean.to(dtype), variance.to(dtype), torch.stack(list(self._deviations)))


@dataclass(frozen=True, slots=True, eq=False)
class Swag:
    """Weights ~ N(mean, (diag(variance) + deviations^T deviations / (R - 1)) / 2), eq. (1) of the paper.

    Args:
        head: features to logits; a copy is kept, its dropout off. Only its layers and buffers count.
        mean: `[P]`, the average of the snapshots, in the order of `named_parameters`.
        variance: `[P]`, theirs, at least 0.
        deviations: `[R, P]`, R >= 2.
    """

    head: nn.Sequential
    mean: Float[Tensor, "P"]
    variance: Float[Tensor, "P"]
    deviations: Float[Tensor, "R P"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", frozen(self.head))

    @property
    def most(self) -> None:
        """There is no end of draws."""

    def sample(self, draw: int, seed: int) -> dict[str, Tensor]:
        """The head's parameters in one draw, by name, in the head's dtype: for `torch.func.functional_call`.

        `mean + sqrt(variance / 2) z1 + deviations^T z2 / sqrt(2 (R - 1))`, z1 `[P]` and z2 `[R]` standard normal.
        """
        r, p = self.deviations.shape
        noise = keyed_normals("swag", seed, [draw], [p + r])[0].to(self.mean)
        around = (self.variance / 2).sqrt() * noise[:p]
        along = noise[p:] @ self.deviations / sqrt(2 * (r - 1))
        flat = self.mean + around + along
        own = _weights(self.head)
        parts = torch.split(flat, [weight.numel() for _, weight in own])
        return {name: part.view_as(weight).to(weight) for (name, weight), part in zip(own, parts, strict=True)}

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K draws, `[N, K, C]`, joint; the weights of one draw are alive at once.

        Raises:
            ModelError: k < 1; features that are not `[N, D]`.
        """
        check_k(k)
        return draws_of((self._function(draw, seed) for draw in range(k)), features, self.head)

    def _function(self, draw: int, seed: int) -> Callable[[Tensor], Tensor]:
        return partial(functional_call, self.head, self.sample(draw, seed))

    def tensors(self) -> dict[str, Tensor]:
        """The head's, and the Gaussian's."""
        gaussian = {"mean": self.mean, "variance": self.variance, "deviations": self.deviations}
        return head_tensors(self.head) | gaussian

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "Swag":
        """From what `tensors` gave."""
        mean, variance, deviations = (tensor_of(tensors, name) for name in ("mean", "variance", "deviations"))
        return cls(head_from(tensors, head), mean, variance, deviations)


def _weights(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, weight) for name, weight in module.named_parameters() if weight.is_floating_point()]


def _flat(module: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for _, weight in _weights(module)])


def _dtype(module: nn.Module) -> torch.dtype:
    """Of what is kept: that of the weights, but at least float32."""
    return wide(_weights(module)[0][1].dtype)
