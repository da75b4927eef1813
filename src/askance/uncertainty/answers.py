"""Torch's random operators, answered from numbers that somebody else makes: uniform and standard normal ones.

An operator that is not here runs as it is, from a seed of its own, and is not shared between images.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

aten = torch.ops.aten


@runtime_checkable
class Numbers(Protocol):
    """Where numbers come from, by the shape that is asked for."""

    def uniform(self, like: Tensor | Sequence[int]) -> Tensor:
        """In [0, 1)."""
        ...

    def kept(self, like: Tensor, p: float) -> Tensor:
        """What dropout keeps."""
        ...

    def normal(self, like: Tensor | Sequence[int]) -> Tensor:
        """Standard normal."""
        ...


def dropped(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> float | None:
    """The probability of dropping, where an operator is dropout."""
    if func is aten.bernoulli_.float:
        return round(1 - _argument(args, given, 1, "p", 0.5), 12)
    return float(args[1]) if func is aten.native_dropout.default else None


def is_certain(func: Any, args: Sequence[Any]) -> bool:
    """Operators that may be random and here are not."""
    if func is aten.native_dropout.default:
        return args[1] == 0 or (len(args) > 2 and args[2] is False)
    return "scaled_dot_product" in str(func) and next((a for a in args[4:] if isinstance(a, float)), 0) == 0


def _dropout_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target: Tensor = args[0]
    p = dropped(aten.bernoulli_.float, args, given) or 0.0
    return target.copy_(numbers.kept(target, p))


def _native_dropout(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    x, p = args[0], float(args[1])
    kept = numbers.kept(x, p).to(x.device)
    return x * kept / (1 - p) if p < 1 else torch.zeros_like(x), kept


def _rand(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    return _placed(numbers.uniform(args[0]), args[0], given)


def _randn(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    return _placed(numbers.normal(args[0]), args[0], given)


def _uniform_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target, low, high = args[0], _argument(args, given, 1, "from", 0.0), _argument(args, given, 2, "to", 1.0)
    filled: Tensor = target.copy_(low + (high - low) * numbers.uniform(target))
    return filled


def _normal_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target, mean, std = args[0], _argument(args, given, 1, "mean", 0.0), _argument(args, given, 2, "std", 1.0)
    filled: Tensor = target.copy_(mean + std * numbers.normal(target))
    return filled


def _log_normal_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target, mean, std = args[0], _argument(args, given, 1, "mean", 1.0), _argument(args, given, 2, "std", 2.0)
    filled: Tensor = target.copy_((mean + std * numbers.normal(target)).exp())
    return filled


def _exponential_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    """As Gumbel noise is made of; never zero, of which a logarithm would be infinite."""
    target, rate = args[0], _argument(args, given, 1, "lambd", 1.0)
    at_least = torch.finfo(torch.float32).tiny
    filled: Tensor = target.copy_(-torch.log1p(-numbers.uniform(target)).clamp(max=-at_least) / rate)
    return filled


def _coins(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    """`torch.bernoulli`: ones with the probabilities that a tensor has, or a number."""
    like: Tensor = args[0]
    p = args[1] if len(args) > 1 else given.get("p", like)
    ones: Tensor = numbers.uniform(like).to(like.device) < p
    return ones.to(like.dtype)


def _coins_(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target: Tensor = args[0]
    p = args[1] if len(args) > 1 else given["p"]
    return target.copy_(numbers.uniform(target).to(p.device) < p)


def _normal(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    """`torch.normal` of means and deviations that are tensors, as `torch.distributions` calls it."""
    mean = args[0]
    std = args[1] if len(args) > 1 else given.get("std", 1.0)
    like = next(one for one in (mean, std) if isinstance(one, Tensor))
    whole: Tensor = mean + 0 * std  # of the shape that both have together
    found: Tensor = mean + std * numbers.normal(whole.shape).to(like.device, like.dtype)
    return found


def _integers(numbers: Numbers, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    """`torch.randint(high, size)`, `(low, high, size)`, and those of a tensor to be like: `(like, low, high)`."""
    like = args[0] if isinstance(args[0], Tensor) else args[-1]
    bounds = [int(one) for one in args if isinstance(one, int)]
    low, high = bounds if len(bounds) > 1 else (0, bounds[0])
    found = (numbers.uniform(like).double() * (high - low)).floor() + low
    return _placed(found, like, {"dtype": torch.int64 if not isinstance(like, Tensor) else None, **_set(given)})


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _argument(args: Sequence[Any], given: Mapping[str, Any], place: int, name: str, otherwise: float) -> float:
    return float(args[place] if len(args) > place else given.get(name, otherwise))


def _placed(values: Tensor, like: Tensor | Sequence[int], given: Mapping[str, Any]) -> Tensor:
    """Of the dtype and on the device that were asked for, else those of a tensor to be like, else torch's own."""
    dtype = given.get("dtype") or (like.dtype if isinstance(like, Tensor) else torch.get_default_dtype())
    device = given.get("device") or (like.device if isinstance(like, Tensor) else None)
    return values.to(device=device, dtype=dtype)


ANSWERS: dict[Any, Callable[[Numbers, Sequence[Any], Mapping[str, Any]], Any]] = {
    aten.bernoulli_.float: _dropout_,
    aten.native_dropout.default: _native_dropout,
    aten.rand.default: _rand,
    aten.rand.generator: _rand,
    aten.rand_like.default: _rand,
    aten.randn.default: _randn,
    aten.randn.generator: _randn,
    aten.randn_like.default: _randn,
    aten.uniform_.default: _uniform_,
    aten.normal_.default: _normal_,
    aten.log_normal_.default: _log_normal_,
    aten.exponential_.default: _exponential_,
    aten.bernoulli.default: _coins,
    aten.bernoulli.p: _coins,
    aten.bernoulli_.Tensor: _coins_,
    aten.normal.Tensor_Tensor: _normal,
    aten.normal.Tensor_float: _normal,
    aten.normal.float_Tensor: _normal,
    aten.randint.default: _integers,
    aten.randint.low: _integers,
    aten.randint_like.default: _integers,
    aten.randint_like.low_dtype: _integers,
}
"""By operator. Whoever brings a generator of his own does not get its numbers: they would not belong to a draw."""
