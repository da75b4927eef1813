"""What a posterior says about units: draws of class log-probabilities.

Letters: N units, K draws from the posterior, C classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from askance.maths.entropies import entropy, mean_probs
from askance.maths.given import Numbers, as_tensor
from askance.vocab import DrawsError

_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""How far the last axis may be from summing to one: what rounding of each dtype can do, never a guess."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Class log-probabilities of N units under K networks drawn from the posterior.

    Args:
        log_probs: `[N, K, C]`, nats, each `log_probs[n, k]` normalised; `-inf` is an exact zero.
        joint: True when draw k is *one* function across all N units (the same dropout masks, the same
            ensemble member); scores of several units at once need it.

    Raises:
        DrawsError: not floating point, not three axes, an empty draw or class axis, NaN or `+inf`, or a
            last axis that does not sum to one (logits, or K and C exchanged).

    >>> Draws.from_probs(torch.tensor([[[0.5, 0.5], [1.0, 0.0]]]), joint=True).log_probs.exp()
    tensor([[[0.5000, 0.5000],
             [1.0000, 0.0000]]])
    """

    log_probs: Float[Tensor, "N K C"]
    joint: bool

    def __post_init__(self) -> None:
        _check(self.log_probs)

    @classmethod
    def from_logits(cls, logits: Numbers, *, joint: bool) -> "Draws":
        """Normalise logits over the last axis, in the order in which they lie in memory.

        Args:
            logits: `[N, K, C]`, a tensor, an array or a list of either.
            joint: whether draw k is one function across all units.

        Raises:
            DrawsError: not floating-point `[N, K, C]`, NaN or `+inf`.
        """
        logits = as_tensor(logits, "logits [N, K, C]")
        _check_shape(logits)
        if logits.is_contiguous():
            return cls._normalised(torch.log_softmax(logits, dim=-1), joint)
        # Where units lie closest together, ten classes of many units at once: a twentieth of the time.
        return cls._normalised(torch.log_softmax(logits.permute(1, 2, 0), dim=1).permute(2, 0, 1), joint)

    @classmethod
    def from_probs(cls, probs: Numbers, *, joint: bool, normalise: bool = False) -> "Draws":
        """Take the logarithm of probabilities; zeros stay exact.

        Args:
            probs: `[N, K, C]`, a tensor, an array or a list of either; of one network `[N, 1, C]`.
            joint: whether draw k is one function across all units.
            normalise: divide by the sum over the last axis, for what sums to one only nearly (rounded to three
                digits), or counts (votes of trees). Without it such numbers are refused, as they may be logits.

        Raises:
            DrawsError: not `[N, K, C]`, a negative number, NaN, or a last axis that does not sum to one.

        >>> import numpy as np
        >>> votes = np.array([[[3, 1], [0, 4]]])  # one image, two forests, two classes
        >>> Draws.from_probs(votes, joint=True, normalise=True).log_probs.exp()
        tensor([[[0.7500, 0.2500],
                 [0.0000, 1.0000]]], dtype=torch.float64)
        """
        probs = as_tensor(probs, "probabilities [N, K, C]")
        probs = probs if probs.is_floating_point() else probs.double()
        _check_shape(probs)
        if bool((probs < 0).any()):
            raise DrawsError(
                "probabilities, none below zero",
                f"{float(probs.min()):.3g}",
                "Draws.from_logits(...), if these are what goes into the softmax",
            )
        return cls((probs / probs.sum(-1, keepdim=True) if normalise else probs).log(), joint)

    @classmethod
    def cat(cls, parts: Sequence["Draws"]) -> "Draws":
        """Join chunks of one scoring; joint only if every part is.

        Raises:
            DrawsError: no parts, or parts that differ in K or C.
        """
        shapes = sorted({(part.k, part.c) for part in parts})
        if len(shapes) != 1:
            got = ", ".join(f"K={k} C={c}" for k, c in shapes)
            raise DrawsError("chunks of one K and one C", got or "no chunks", "join chunks of the same scoring")
        joined, joint = torch.cat([part.log_probs for part in parts]), all(part.joint for part in parts)
        alike = all(part.log_probs.dtype == joined.dtype for part in parts)
        return cls._trusted(joined, joint) if alike else cls(joined, joint)

    @classmethod
    def _normalised(cls, log_probs: Float[Tensor, "N K C"], joint: bool) -> "Draws":
        """What was just normalised sums to one unless it is NaN, and one NaN makes a sum NaN."""
        if bool(log_probs.detach().sum().isnan()):
            raise _not_normalised(math.nan)
        return cls._trusted(log_probs, joint)

    @classmethod
    def _trusted(cls, log_probs: Float[Tensor, "N K C"], joint: bool) -> "Draws":
        """Draws that were checked before."""
        draws = object.__new__(cls)
        object.__setattr__(draws, "log_probs", log_probs)
        object.__setattr__(draws, "joint", joint)
        return draws

    def cpu(self) -> "Draws":
        """The same on the CPU."""
        return Draws._trusted(self.log_probs.cpu(), self.joint)

    def __len__(self) -> int:
        return int(self.log_probs.shape[0])

    def __repr__(self) -> str:
        """How many of what; the numbers are `log_probs`.

        >>> Draws.from_logits(torch.zeros(3, 50, 10), joint=True)
        Draws(N=3, K=50, C=10, joint)
        """
        where = "" if self.log_probs.device.type == "cpu" else f", {self.log_probs.device}"
        return f"Draws(N={len(self)}, K={self.k}, C={self.c}, {'joint' if self.joint else 'not joint'}{where})"

    def _repr_html_(self) -> str:
        """For notebooks: the same, and what the draws say of the first units."""
        first = self[:_SHOWN]
        mean = mean_probs(first.log_probs)
        doubt = entropy(mean.log()).tolist()
        rows = [
            f"<tr><td>{n}</td><td>{int(p.argmax())}</td><td>{float(p.max()):.2f}</td><td>{h:.2f}</td></tr>"
            for n, (p, h) in enumerate(zip(mean, doubt, strict=True))
        ]
        head = "<tr><th>unit</th><th>likeliest class</th><th>mean p</th><th>entropy, nats</th></tr>"
        more = f"<p>and {len(self) - _SHOWN:,} more</p>" if len(self) > _SHOWN else ""
        return f"<p><code>{self!r}</code></p><table>{head}{''.join(rows)}</table>{more}"

    @property
    def k(self) -> int:
        """How many networks were drawn."""
        return int(self.log_probs.shape[1])

    @property
    def c(self) -> int:
        """How many classes there are."""
        return int(self.log_probs.shape[2])

    def __getitem__(self, which: slice | Tensor) -> "Draws":
        """Some of the units, all of the draws."""
        some = self.log_probs[which]
        _check_shape(some)
        return Draws._trusted(some, self.joint)


def as_draws(given: object, what: str = "draws") -> Draws:
    """What was given, if it is `Draws`: numbers alone do not say whether they are logits, or whose draws.

    Raises:
        DrawsError: it is a tensor, an array or something else; the fix says how Draws are made of it.

    >>> as_draws(torch.zeros(2, 3, 4))
    Traceback (most recent call last):
    askance.vocab.errors.DrawsError: wanted: draws as Draws, which say what the numbers are
    got:    a Tensor of shape [2, 3, 4]
    fix:    Draws.from_probs(numbers, joint=True), or Draws.from_logits; joint: draw k is one network for all
    """
    if isinstance(given, Draws):
        return given
    shape = getattr(given, "shape", None)
    raise DrawsError(
        f"{what} as Draws, which say what the numbers are",
        f"a {type(given).__name__}" + (f" of shape {list(shape)}" if shape is not None else ""),
        "Draws.from_probs(numbers, joint=True), or Draws.from_logits; joint: draw k is one network for all",
    )


_SHOWN = 5
"""Units that a notebook shows."""

_FIX = "build with Draws.from_logits(...) or Draws.from_probs(...), which say what the numbers are"


def _check(log_probs: Tensor) -> None:
    _check_shape(log_probs)
    if log_probs.numel() == 0:
        return
    total = torch.logsumexp(log_probs.detach(), dim=-1)
    worst = float(total.abs().max()) if not bool(total.isnan().any()) else math.nan
    if not worst <= _TOLERANCE.get(log_probs.dtype, 1e-3):
        raise _not_normalised(worst)


def _check_shape(log_probs: Tensor) -> None:
    if not isinstance(log_probs, Tensor):
        raise DrawsError("log-probabilities [N, K, C] as a tensor", type(log_probs).__name__, _FIX)
    if not log_probs.is_floating_point() or log_probs.dim() != 3 or 0 in log_probs.shape[1:]:
        one = log_probs.dim() == 2 and log_probs.is_floating_point()
        raise DrawsError(
            "floating-point numbers [N, K, C] of N units, K draws and C classes, with K, C >= 1",
            f"{log_probs.dtype} of shape {list(log_probs.shape)}",
            "for one network, K = 1: give numbers[:, None]; for several, np.stack(..., axis=1)" if one else _FIX,
        )


def _not_normalised(worst: float) -> DrawsError:
    return DrawsError(
        "log-probabilities that are finite and sum to one over the last axis",
        f"a log-sum of {worst:.3g} where 0 was due (NaN: an input was NaN or +inf)",
        _FIX,
    )
