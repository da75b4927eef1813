"""How near an image's features are to what was labelled: Gaussian discriminant analysis.

The epistemic half of deep deterministic uncertainty (Mukhoti et al. 2023, arXiv 2102.11582). A density says that
an image is unlike the labelled ones, not that plausible models disagree on it: it is an axis of its own, and is
never multiplied into BALD. It is as good as the features: a trunk may lay a new kind of image upon a known one.

Letters: N images, D features, C classes, S covariances: one a class, or one for all.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from askance.uncertainty.heads import check_features, check_labels, in_blocks, tensor_of
from askance.vocab import LabelError, ModelError

CLASS_LIMIT = 1 << 27
"""Entries of the covariances of all classes, C D^2, that are at most held: 1 GiB."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassDensities:
    """A Gaussian a class over features, as `fit_density` gives it; all float64.

    Attributes:
        log_prior: `[C]`, log of the share of labels; `-inf` for a class without labels.
        means: `[C, D]`.
        whitening: `[S, D, D]`, the inverse Cholesky factor of each covariance, S = C or 1.
        log_det: `[S]`, log determinant of each covariance.
    """

    log_prior: Float64[Tensor, "C"]
    means: Float64[Tensor, "C D"]
    whitening: Float64[Tensor, "S D D"]
    log_det: Float64[Tensor, "S"]

    def class_log_densities(self, features: Float[Tensor, "N D"]) -> Float64[Tensor, "N C"]:
        """log pi_c + log N(f; mu_c, Sigma_c), in nats; `-inf` for a class without labels.

        Raises:
            ModelError: features that are not `[N, D]`.
        """
        check_features(features, self.means.shape[1])
        f = features.detach().to(self.means)
        constant = f.shape[1] * math.log(2 * math.pi)
        found = f.new_full((len(f), len(self.means)), -math.inf)
        known = self.log_prior.isfinite().nonzero().flatten()
        pooled, origin = len(self.whitening) == 1, self.means[known].mean(0)
        if pooled:  # one shape for all: images are whitened once, not once a class
            f, own = (f - origin) @ self.whitening[0].T, (self.means - origin) @ self.whitening[0].T
        for c in known.tolist():
            s = 0 if pooled else c
            apart = f - own[c] if pooled else (f - self.means[c]) @ self.whitening[c].T
            found[:, c] = self.log_prior[c] - (constant + self.log_det[s] + apart.square().sum(1)) / 2
        return found

    def log_density(self, features: Float[Tensor, "N D"]) -> Float64[Tensor, "N"]:
        """log q(f) = logsumexp_c (log pi_c + log N(f; mu_c, Sigma_c)), in nats of a density: any real number.

        Low where an image is unlike the labelled ones, so its negative is what says "more worth a label".
        Values compare within one fit alone: another round has other features.

        Raises:
            ModelError: features that are not `[N, D]`.
        """
        check_features(features, self.means.shape[1])
        return in_blocks(lambda block: torch.logsumexp(self.class_log_densities(block), dim=1), features)

    def tensors(self) -> dict[str, Tensor]:
        """By name; fit for safetensors."""
        return {
            "log_prior": self.log_prior,
            "means": self.means,
            "whitening": self.whitening,
            "log_det": self.log_det,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "ClassDensities":
        """From what `tensors` gave.

        Raises:
            ModelError: tensors of something else.
        """
        return cls(*(tensor_of(tensors, name) for name in ("log_prior", "means", "whitening", "log_det")))


def fit_density(
    batches: Iterable[tuple[Tensor, Tensor]], *, n_classes: int, covariance: Literal["class", "pooled"] = "class"
) -> ClassDensities:
    """A Gaussian a class from labelled features, in one pass, with covariances that few labels cannot break.

    With fewer labels of a class than features, its covariance S_c is singular. It is drawn towards the pooled
    one, T, and that towards a sphere, each by as much as makes the expected squared error least if features are
    Gaussian, which is what the density assumes anyway::

        Sigma_c = (1 - r_c) S_c + r_c T,       r_c = min(1, (tr T^2 + (tr T)^2) / ((n_c - 1) |S_c - T|^2))
        T = (1 - r) S + r (tr S / D) I,        r of Chen et al. (2010), oracle approximating shrinkage

    The numerator of r_c is how far S_c would lie from T by chance if T were the truth, so a class keeps a shape
    of its own only as far as chance does not explain it. Both need second moments alone, hence one pass;
    Ledoit and Wolf's rule needs fourth ones, and breaks for two labels a class.

    Args:
        batches: `(features [n, D], labels [n])`; features of the trunk, or the inputs of the last layer.
        n_classes: C; classes without labels get no density.
        covariance: one for each `class`, as in the paper, or one `pooled` for all, where they are too many.

    Raises:
        LabelError: no class with two labels whose features differ, or labels outside 0..C-1.
        ModelError: batches that differ in D, or more classes and features than fit.

    >>> features, labels = torch.tensor([[0.0], [2.0], [10.0], [12.0]]), torch.tensor([0, 0, 1, 1])
    >>> densities = fit_density([(features, labels)], n_classes=2)
    >>> densities.log_density(torch.tensor([[1.0], [11.0], [100.0]])).argmin()
    tensor(2)
    """
    if covariance not in ("class", "pooled"):
        raise ModelError("a covariance: class or pooled", repr(covariance), 'take "class" if it fits')
    moments: _Moments | None = None
    for features, labels in batches:
        check_labels(labels, len(features), n_classes)
        if len(features):
            moments = moments or _Moments(features, n_classes, per_class=covariance == "class")
            moments.add(features.detach(), labels)
    if moments is None:
        raise LabelError("labelled features", "none", "fit after the first labels are in")
    return moments.densities()


def oas(s: Float64[Tensor, "D D"], n: int) -> Float64[Tensor, "D D"]:
    """A covariance drawn towards a sphere by oracle approximating shrinkage.

    Chen et al. (2010, arXiv 0907.4698), eq. (23), as scikit-learn has it: without the terms in 2 / D.

    Args:
        s: the sample covariance.
        n: its degrees of freedom, 1 at least.
    """
    d = len(s)
    variance, power = s.trace() / d, s.square().mean()
    spread = (n + 1) * (power - variance**2 / d)
    share = float((power + variance**2) / spread) if float(spread) > 0 else 1.0
    return _between(s, variance * torch.eye(d).to(s), share)


def towards(s: Float64[Tensor, "D D"], target: Float64[Tensor, "D D"], n: int) -> Float64[Tensor, "D D"]:
    """A class's covariance drawn towards the pooled one by what chance explains of their distance.

    Args:
        s: the sample covariance.
        target: the pooled one, taken for known.
        n: degrees of freedom of `s`; none at all gives the target.
    """
    apart = n * float((s - target).square().sum())
    chance = float(target.square().sum() + target.trace() ** 2)
    return _between(s, target, chance / apart if apart > 0 else 1.0)


def _between(s: Tensor, target: Tensor, share: float) -> Tensor:
    return torch.lerp(s, target, min(1.0, share))


class _Moments:
    """Counts, sums and squares about the first batch's mean, so that a large mean costs no digits."""

    def __init__(self, features: Tensor, c: int, *, per_class: bool) -> None:
        d = features.shape[1]
        if per_class and c * d**2 > CLASS_LIMIT:
            raise ModelError(
                f"at most {CLASS_LIMIT:,} numbers in the covariances of all classes",
                f"{c:,} classes of {d:,} x {d:,}",
                'take covariance="pooled", which has one for all',
            )
        self._shift = features.detach().double().mean(0)
        self._counts = self._shift.new_zeros(c)
        self._sums = self._shift.new_zeros(c, d)
        self._squares = self._shift.new_zeros(c if per_class else 1, d, d)

    def add(self, features: Tensor, labels: Tensor) -> None:
        check_features(features, len(self._shift))
        x = features.to(self._shift) - self._shift
        own = labels.to(x.device).long()
        self._counts += torch.bincount(own, minlength=len(self._counts))
        self._sums.index_add_(0, own, x)
        if len(self._squares) == 1:
            self._squares[0].addmm_(x.T, x)
            return
        for c in torch.bincount(own).nonzero().flatten().tolist():
            rows = x[own == c]
            self._squares[c].addmm_(rows.T, rows)

    def densities(self) -> ClassDensities:
        counts = self._counts
        means = self._sums / counts.clamp_min(1).unsqueeze(1)
        weighted = means * counts.unsqueeze(1)
        freedom = int(counts.sum()) - int((counts > 0).sum())
        within = self._squares.sum(0) - weighted.T @ means
        if freedom < 1 or not float(within.trace()) > 1e-12 * float(self._squares.sum(0).trace()):
            raise LabelError(
                "a class with at least two labels whose features differ",
                f"{int(counts.sum())} labels of {int((counts > 0).sum())} classes",
                "label more images first, or score by something other than density",
            )
        pooled = oas(within / freedom, freedom)
        if len(self._squares) == 1:
            covariances = pooled.unsqueeze(0)
        else:
            covariances = torch.stack([
                self._shrunk(c, means[c], pooled) if counts[c] > 1 else pooled for c in range(len(counts))
            ])  # fmt: skip
        root = torch.linalg.cholesky(covariances)
        eye = torch.eye(len(pooled)).to(pooled)
        whitening = torch.stack([torch.linalg.solve_triangular(one, eye, upper=False) for one in root])
        log_det = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return ClassDensities((counts / counts.sum()).log(), means + self._shift, whitening, log_det)

    def _shrunk(self, c: int, mean: Tensor, pooled: Tensor) -> Tensor:
        n = int(self._counts[c])
        return towards((self._squares[c] - n * torch.outer(mean, mean)) / (n - 1), pooled, n - 1)
