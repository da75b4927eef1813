"""Laplace's approximation over the last layer (MacKay 1992; Daxberger et al. 2021, arXiv 2106.14806).

Letters: N images, D features, C classes, E inputs of the last layer and one constant for its bias, phi `[N, E]`,
P = C E weights w, K draws, d prior precision, Q of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, pi
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from askance.maths import Draws, GaussianLogits
from askance.uncertainty.curvature import KINDS, SUMS, Curvature
from askance.uncertainty.heads import (
    LastLayer,
    check_k,
    check_labels,
    frozen,
    head_from,
    head_tensors,
    in_blocks,
    tensor_of,
)
from askance.uncertainty.noise import keyed_normals
from askance.vocab import LabelError, ModelError

Structure = Literal["full", "kron", "diag"]

FIT_ROWS = 512
"""Images that are added to the curvature at once."""

GROUP_BYTES = 1 << 27
"""How much of the weights of some draws is held at once."""

PRECISIONS = (1e-6, 1e8)
"""Between these the prior precision is looked for. The upper end is reached where the weights are all zero."""

LOGIT_VARIANCES = tuple(2.0**power for power in range(6, -5, -1))
"""What a logit may vary by under the priors that held-out labels choose between. Under narrower ones predictions
no longer change, and nothing would be left for draws to disagree about."""


def log_evidence(
    log_likelihood: float, square_norm: float, eigenvalues: Float64[Tensor, "..."], precision: float
) -> float:
    """The Laplace approximation of log p(labels | d), in nats (MacKay 1992).

    `log p(labels | w) - d |w|^2 / 2 + P log(d) / 2 - log det(H + d I) / 2`, with the eigenvalues of H.

    >>> round(log_evidence(-1.0, 0.0, torch.zeros(3, dtype=torch.float64), precision=2.0), 6)
    -1.0
    """
    shrunk = torch.log1p(eigenvalues / precision).sum()  # log det(H + d I) - P log d
    return log_likelihood - precision * square_norm / 2 - float(shrunk) / 2


def best_precision(square_norm: float, eigenvalues: Float64[Tensor, "..."]) -> float:
    """The prior precision d that maximises the log evidence, within `PRECISIONS`.

    In t = log d the slope is `(sum_i h_i / (h_i + d) - d |w|^2) / 2`: it only falls, so the evidence has one
    peak, and halving the interval on the slope's sign finds it whatever the start. MacKay's fixed point
    `d = (well-determined weights) / |w|^2` is where it is zero.

    >>> round(best_precision(2.0, torch.full((8,), 1e12, dtype=torch.float64)), 6)
    4.0
    """
    low, high = log(PRECISIONS[0]), log(PRECISIONS[1])
    for _ in range(60):
        middle = (low + high) / 2
        d = exp(middle)
        rises = float((eigenvalues / (eigenvalues + d)).sum()) > d * square_norm
        low, high = (middle, high) if rises else (low, middle)
    return exp((low + high) / 2)


def held_out_precision(folds: Sequence[tuple["LastLayerLaplace", Tensor, Tensor]]) -> tuple[float, float]:
    """The prior precision under which labels that were held out are likeliest, and what they then cost, nats.

    The evidence asks how well weights of that prior would explain the labels, all of them. Where features
    outnumber labels most directions of the weights are left to the prior, the evidence hardly notices them, and
    each adds to the variance of every logit. Held-out labels notice: `-mean log p(y_n | x_n, labels of the other
    folds)` is what the posterior will be used for. It is taken from `moderated`, over `LOGIT_VARIANCES`; of equals
    the widest.

    Args:
        folds: posteriors fitted to the labels of all other folds; features `[n, D]` and labels `[n]` of this one.

    Raises:
        LabelError: nothing was held out, or labels that are no class of the head.

    Geisser and Eddy 1979, "A predictive approach to model selection", choose by what is held out in turn;
    Daxberger et al. 2021 (arXiv 2106.14806) a prior precision by a validation set.

    >>> posterior = fit_laplace(nn.Sequential(nn.Linear(4, 3)), [(torch.eye(4), torch.tensor([0, 1, 2, 0]))])
    >>> precision, nll = held_out_precision([(posterior, torch.eye(4), torch.tensor([0, 1, 2, 0]))])
    """
    if not sum(len(labels) for _, _, labels in folds):
        raise LabelError("labels that were held out", "none", "leave the precision to the evidence")
    squares = torch.cat([_phi(LastLayer.of(one.head), x).double().square().sum(1) for one, x, _ in folds])
    precisions = squares.mean() / torch.tensor(LOGIT_VARIANCES, dtype=torch.float64, device=squares.device)
    losses = []
    for one, features, labels in folds:
        check_labels(labels, len(features), len(_weights(LastLayer.of(one.head))))
        places = labels.to(squares.device).long().expand(len(precisions), -1).unsqueeze(2)
        losses.append(-one.moderated(features, precisions.tolist()).gather(2, places).squeeze(2))
    means = torch.cat(losses, 1).mean(1)
    best = int(means.argmin())
    return float(precisions[best]), float(means[best])


def fit_laplace(
    head: nn.Sequential,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    structure: Structure = "kron",
    precision: float | None = None,
) -> "LastLayerLaplace":
    """Fit a Gaussian to the posterior of the last layer's weights, about where training left them.

    The mean is the trained layer; the covariance is `(H + d I)^-1` with H the curvature of the loss summed over
    the labelled images (see `curvature`), for cross-entropy as the loss and a Gaussian prior. One pass.

    Args:
        head: ends with `nn.Linear`; layers before it are taken as they are, dropout off. A copy is kept.
        batches: `(features [n, D], labels [n])` of what the head was trained on, each image once.
        structure: `full` is exact and small, `kron` fits 1,000 classes of 2,048 inputs, `diag` is the cheapest.
        precision: d, of all weights and biases; the one with the highest evidence if not given.

    Raises:
        ModelError: a head without a last linear layer, a structure that is unknown or too large, d <= 0.
        LabelError: no labels, or some that are no class of the head.

    >>> head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3))
    >>> posterior = fit_laplace(head, [(torch.eye(4), torch.tensor([0, 1, 2, 0]))])
    >>> posterior.draws(torch.ones(5, 4), k=7, seed=0).log_probs.shape
    torch.Size([5, 7, 3])
    """
    last = LastLayer.of(head)
    _check(structure, precision)
    weights = _weights(last).double()
    total = SUMS[structure](*weights.shape)
    log_likelihood, n = 0.0, 0
    for features, labels in batches:
        check_labels(labels, len(features), len(weights))
        for some, own in zip(*(torch.split(rows, FIT_ROWS) for rows in (features, labels)), strict=True):
            phi = _phi(last, some).double()
            log_probs = torch.log_softmax(phi @ weights.T, dim=-1)
            total.add(phi, log_probs.exp())
            log_likelihood += float(log_probs.gather(1, own.to(log_probs.device).long().unsqueeze(1)).sum())
        n += len(features)
    if not n:
        raise LabelError("at least one labelled image to fit to", "none", "fit after the first labels are in")
    curvature = total.done()
    square_norm, eigenvalues = float(weights.square().sum()), curvature.eigenvalues()
    d = best_precision(square_norm, eigenvalues) if precision is None else precision
    return LastLayerLaplace(head, curvature, d, log_evidence(log_likelihood, square_norm, eigenvalues, d))


@dataclass(frozen=True, slots=True, eq=False)
class LastLayerLaplace:
    """A Gaussian over the last layer's weights, as `fit_laplace` gives it.

    Attributes:
        head: frozen; its last layer is the mean.
        curvature: H, decomposed.
        precision: d, of the prior.
        log_evidence: log p(labels | d), nats.
    """

    head: nn.Sequential
    curvature: Curvature
    precision: float
    log_evidence: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", frozen(self.head))

    @property
    def most(self) -> None:
        """There is no end of draws."""

    def logits(self, features: Float[Tensor, "N D"]) -> GaussianLogits:
        """The posterior of the logits, float64: exact for this Gaussian, as logits are linear in the weights.

        The result is `[N, C, C]`: 8 MB an image at C = 1,000, so give few images where there are many classes.
        """
        last = LastLayer.of(self.head)
        phi = _phi(last, features).double()
        covariance = self.curvature.covariance(phi, self.precision)
        return GaussianLogits(phi @ _weights(last).double().T, covariance)

    def moderated(self, features: Float[Tensor, "N D"], precisions: Sequence[float]) -> Float64[Tensor, "Q N C"]:
        """Predictive log-probabilities under other prior precisions, nats, without draws: nearly their mean.

        `log softmax(mean / sqrt(1 + pi v / 8))` with v the variance of each logit (MacKay 1992, "The evidence
        framework applied to classification networks", for two classes; for more as Daxberger et al. 2021).

        Raises:
            ModelError: features that are not `[N, D]`.
        """
        last = LastLayer.of(self.head)
        phi = _phi(last, features).double()
        variances = self.curvature.variances(phi, torch.tensor(precisions, dtype=torch.float64).to(phi))
        return torch.log_softmax(phi @ _weights(last).double().T / (1 + pi / 8 * variances).sqrt(), dim=-1)

    @torch.no_grad()
    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K draws of weights, each applied to all images, `[N, K, C]`, joint; some draws' weights at a time.

        Raises:
            ModelError: k < 1; features that are not `[N, D]`.
        """
        check_k(k)
        last = LastLayer.of(self.head)
        phi, mean = _phi(last, features), _weights(last)
        log_probs = phi.new_empty(len(phi), k, len(mean))
        step = max(1, GROUP_BYTES // mean.nbytes)
        for draws in (range(k)[start : start + step] for start in range(0, k, step)):
            noise = keyed_normals("laplace", seed, draws, mean.shape).to(mean)
            weights = (mean + self.curvature.spread(noise, self.precision)).flatten(0, 1)  # [K C, E]

            def of_block(block: Tensor, weights: Tensor = weights, k: int = len(draws)) -> Tensor:
                return torch.log_softmax((block @ weights.T).view(len(block), k, -1), dim=-1)

            log_probs[:, draws.start : draws.stop] = in_blocks(of_block, phi)
        return Draws(log_probs, joint=True)

    def tensors(self) -> dict[str, Tensor]:
        """The head's, the curvature's, the prior precision and the log evidence."""
        numbers = {"precision": self.precision, "log_evidence": self.log_evidence}
        scalars = {name: torch.tensor(number, dtype=torch.float64) for name, number in numbers.items()}
        return head_tensors(self.head) | self.curvature.tensors() | scalars

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "LastLayerLaplace":
        """From what `tensors` gave."""
        kinds = [kind for name, kind in KINDS.items() if any(key.startswith(f"{name}.") for key in tensors)]
        if len(kinds) != 1:
            raise ModelError(
                "a curvature: full, kron or diag",
                ", ".join(sorted(tensors)),
                "load what a Laplace posterior saved",
            )
        precision, evidence = (float(tensor_of(tensors, name)) for name in ("precision", "log_evidence"))
        return cls(head_from(tensors, head), kinds[0].from_tensors(tensors), precision, evidence)


def _check(structure: str, precision: float | None) -> None:
    if structure not in SUMS:
        raise ModelError(f"a structure among {', '.join(SUMS)}", repr(structure), 'take "kron" if in doubt')
    if precision is not None and not 0 < precision < float("inf"):
        raise ModelError("a prior precision above 0", f"{precision}", "leave it out: the evidence then decides")


def _phi(last: LastLayer, features: Tensor) -> Float[Tensor, "N E"]:
    """The last layer's inputs, and a one behind them where it has a bias."""
    inputs = last.inputs(features)
    return inputs if last.linear.bias is None else torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)


def _weights(last: LastLayer) -> Float[Tensor, "C E"]:
    """The last layer's weights, its bias the last column."""
    weight = last.linear.weight.to(last.dtype)
    return weight if last.linear.bias is None else torch.cat([weight, last.linear.bias.to(weight).unsqueeze(1)], 1)
