"""Three ways to hold the curvature of a softmax head's loss, from the fullest to the smallest.

The generalised Gauss-Newton matrix of a linear softmax layer, which is also its Hessian, is
`H = sum_n (diag(p_n) - p_n p_n^T) (x) phi_n phi_n^T`, with classes before inputs. With a prior of precision d the
covariance of the weights is `(H + d I)^-1`; each way knows the eigenvalues of its H, so another d costs nothing.

Letters: n images of a block, C classes, E inputs of the last layer and one constant for its bias, phi `[n, E]`,
probs p `[n, C]`, K draws, d prior precision, Q of them. All is float64 but draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from askance.uncertainty.heads import tensor_of
from askance.vocab import ModelError

FULL_LIMIT = 1 << 24
"""Entries of the largest full matrix: 4,096 weights on a side, 128 MiB, and a minute to decompose on a core."""


@runtime_checkable
class Curvature(Protocol):
    """H, decomposed."""

    def eigenvalues(self) -> Float64[Tensor, "..."]:
        """Of H, C E of them in whatever shape, at least 0."""
        ...

    def covariance(self, phi: Float64[Tensor, "n E"], precision: float) -> Float64[Tensor, "n C C"]:
        """Of the logits: `J_n (H + d I)^-1 J_n^T` with the Jacobian `J_n = I (x) phi_n^T`."""
        ...

    def variances(self, phi: Float64[Tensor, "n E"], precisions: Float64[Tensor, "Q"]) -> Float64[Tensor, "Q n C"]:
        """The diagonals of `covariance` for many precisions, without the rest of it."""
        ...

    def spread(self, noise: Float[Tensor, "K C E"], precision: float) -> Float[Tensor, "K C E"]:
        """Standard normals to weights about zero: `(H + d I)^-1/2 noise`, in the dtype of the noise.

        The symmetric root: it is one matrix whatever basis an eigenspace was given, so draws are the same on
        another machine.
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        ...

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Curvature":
        """From what `tensors` gave."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Full:
    """H itself, `[C E, C E]`: exact, for few classes and inputs.

    Attributes:
        values: `[C E]`.
        vectors: `[C E, C E]`, in columns.
    """

    values: Float64[Tensor, "P"]
    vectors: Float64[Tensor, "P P"]

    def eigenvalues(self) -> Float64[Tensor, "P"]:
        """Of H."""
        return self.values

    def covariance(self, phi: Float64[Tensor, "n E"], precision: float) -> Float64[Tensor, "n C C"]:
        """Of the logits."""
        root = (self.vectors * (self.values + precision).rsqrt()).view(-1, phi.shape[1], len(self.values))
        moved = (torch.einsum("ne,cep->ncp", some, root) for some in torch.split(phi, 64))
        return torch.cat([some @ some.mT for some in moved])

    def variances(self, phi: Float64[Tensor, "n E"], precisions: Float64[Tensor, "Q"]) -> Float64[Tensor, "Q n C"]:
        """Of the logits."""
        vectors = self.vectors.view(-1, phi.shape[1], len(self.values))
        shrunk = (self.values + precisions.unsqueeze(1)).reciprocal().T  # [P, Q]
        parts = (torch.einsum("ne,cep->ncp", some, vectors).square() @ shrunk for some in torch.split(phi, 64))
        return torch.cat([*parts]).movedim(-1, 0)

    def spread(self, noise: Float[Tensor, "K C E"], precision: float) -> Float[Tensor, "K C E"]:
        """Standard normals to weights about zero."""
        vectors = self.vectors.to(noise)
        scaled = noise.flatten(1) @ vectors * (self.values + precision).rsqrt().to(noise)
        return (scaled @ vectors.T).view_as(noise)

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {"full.values": self.values, "full.vectors": self.vectors}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Full":
        """From what `tensors` gave."""
        return cls(tensor_of(tensors, "full.values"), tensor_of(tensors, "full.vectors"))


@dataclass(frozen=True, slots=True, eq=False)
class Kron:
    """`H ~ A (x) B / N` with `A = sum_n diag(p_n) - p_n p_n^T`, `B = sum_n phi_n phi_n^T` (Martens & Grosse 2015).

    Classes and inputs are taken for independent of each other. The prior is added to the eigenvalues of the
    product, so it is not approximated.

    Attributes:
        class_values: `[C]`, of A.
        class_vectors: `[C, C]`, in columns.
        input_values: `[E]`, of B / N.
        input_vectors: `[E, E]`, in columns.
    """

    class_values: Float64[Tensor, "C"]
    class_vectors: Float64[Tensor, "C C"]
    input_values: Float64[Tensor, "E"]
    input_vectors: Float64[Tensor, "E E"]

    def eigenvalues(self) -> Float64[Tensor, "C E"]:
        """Of H."""
        return torch.outer(self.class_values, self.input_values)

    def covariance(self, phi: Float64[Tensor, "n E"], precision: float) -> Float64[Tensor, "n C C"]:
        """Of the logits."""
        along = (phi @ self.input_vectors).square() @ (self.eigenvalues() + precision).reciprocal().T  # [n, C]
        return (self.class_vectors * along.unsqueeze(1)) @ self.class_vectors.T

    def variances(self, phi: Float64[Tensor, "n E"], precisions: Float64[Tensor, "Q"]) -> Float64[Tensor, "Q n C"]:
        """Of the logits."""
        squares = (phi @ self.input_vectors).square()
        shrunk = (self.eigenvalues() + precisions.view(-1, 1, 1)).reciprocal().mT  # [Q, E, C]
        return squares @ shrunk @ self.class_vectors.square().T

    def spread(self, noise: Float[Tensor, "K C E"], precision: float) -> Float[Tensor, "K C E"]:
        """Standard normals to weights about zero."""
        classes, inputs = self.class_vectors.to(noise), self.input_vectors.to(noise)
        root = (self.eigenvalues() + precision).rsqrt().to(noise)
        return classes @ (classes.T @ noise @ inputs * root) @ inputs.T

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {
            "kron.class_values": self.class_values,
            "kron.class_vectors": self.class_vectors,
            "kron.input_values": self.input_values,
            "kron.input_vectors": self.input_vectors,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Kron":
        """From what `tensors` gave."""
        names = ("class_values", "class_vectors", "input_values", "input_vectors")
        return cls(*(tensor_of(tensors, f"kron.{name}") for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class Diag:
    """The diagonal of H, `sum_n p_nc (1 - p_nc) phi_ne^2`: every weight for itself.

    Attributes:
        values: `[C, E]`.
    """

    values: Float64[Tensor, "C E"]

    def eigenvalues(self) -> Float64[Tensor, "C E"]:
        """Of H."""
        return self.values

    def covariance(self, phi: Float64[Tensor, "n E"], precision: float) -> Float64[Tensor, "n C C"]:
        """Of the logits."""
        return torch.diag_embed(phi.square() @ (self.values + precision).reciprocal().T)

    def variances(self, phi: Float64[Tensor, "n E"], precisions: Float64[Tensor, "Q"]) -> Float64[Tensor, "Q n C"]:
        """Of the logits."""
        return phi.square() @ (self.values + precisions.view(-1, 1, 1)).reciprocal().mT

    def spread(self, noise: Float[Tensor, "K C E"], precision: float) -> Float[Tensor, "K C E"]:
        """Standard normals to weights about zero."""
        return noise * (self.values + precision).rsqrt().to(noise)

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {"diag.values": self.values}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Diag":
        """From what `tensors` gave."""
        return cls(tensor_of(tensors, "diag.values"))


class FullSum:
    """Collects H block by block of images."""

    def __init__(self, c: int, e: int) -> None:
        if (c * e) ** 2 > FULL_LIMIT:
            raise ModelError(
                f"at most {FULL_LIMIT:,} entries in the full matrix of (classes x inputs) squared",
                f"{c:,} classes x {e:,} inputs squared are {(c * e) ** 2:,}",
                'take structure="kron", which holds a matrix over classes and one over inputs',
            )
        self._sum = torch.zeros(c, e, c * e, dtype=torch.float64)

    def add(self, phi: Float64[Tensor, "n E"], probs: Float64[Tensor, "n C"]) -> None:
        """Add images, one row of class blocks after another."""
        self._sum = self._sum.to(phi.device)
        for c, p in enumerate(probs.T):
            row = -p.unsqueeze(1) * probs
            row[:, c] += p
            self._sum[c].addmm_(phi.T, (row.unsqueeze(2) * phi.unsqueeze(1)).flatten(1))

    def done(self) -> Full:
        """Decompose."""
        total = self._sum.flatten(0, 1)
        values, vectors = torch.linalg.eigh((total + total.T) / 2)
        return Full(values.clamp_min(0), vectors.contiguous())


class KronSum:
    """Collects A and B block by block of images."""

    def __init__(self, c: int, e: int) -> None:
        self._n = 0
        self._classes = torch.zeros(c, c, dtype=torch.float64)
        self._inputs = torch.zeros(e, e, dtype=torch.float64)

    def add(self, phi: Float64[Tensor, "n E"], probs: Float64[Tensor, "n C"]) -> None:
        """Add images."""
        self._n += len(phi)
        self._classes = self._classes.to(phi.device) + probs.sum(0).diag() - probs.T @ probs
        self._inputs = self._inputs.to(phi.device) + phi.T @ phi

    def done(self) -> Kron:
        """Decompose."""
        parts = []
        for matrix in (self._classes, self._inputs / self._n):
            values, vectors = torch.linalg.eigh(matrix)
            parts += [values.clamp_min(0), vectors.contiguous()]
        return Kron(*parts)


class DiagSum:
    """Collects the diagonal block by block of images."""

    def __init__(self, c: int, e: int) -> None:
        self._sum = torch.zeros(c, e, dtype=torch.float64)

    def add(self, phi: Float64[Tensor, "n E"], probs: Float64[Tensor, "n C"]) -> None:
        """Add images."""
        self._sum = self._sum.to(phi.device) + (probs * (1 - probs)).T @ phi.square()

    def done(self) -> Diag:
        """All there is."""
        return Diag(self._sum)


SUMS: dict[str, Callable[[int, int], FullSum | KronSum | DiagSum]] = {
    "full": FullSum, "kron": KronSum, "diag": DiagSum,
}  # fmt: skip
KINDS: dict[str, type[Full] | type[Kron] | type[Diag]] = {"full": Full, "kron": Kron, "diag": Diag}
