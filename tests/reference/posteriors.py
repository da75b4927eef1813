"""Posteriors over a head the slow way: masks enumerated, matrices built entry by entry and inverted, float64.

Letters: N images, C classes, G or E inputs of the last layer, P = C E weights with classes before inputs.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def networks_one_by_one(networks: Sequence[nn.Module], images: Tensor) -> Tensor:
    """Log-probabilities `[N, M, C]` of M networks in evaluation mode, an image and a network at a time."""
    with torch.no_grad():
        rows = [[network.eval()(image[None])[0].log_softmax(dim=0) for network in networks] for image in images]
    return torch.stack([torch.stack(row) for row in rows])


def moments_over_all_masks(weight: Tensor, bias: Tensor, g: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """Mean `[C]` and covariance `[C, C]` of one image's logits, from all 2^G masks and their probabilities."""
    found = []
    for kept in itertools.product([False, True], repeat=len(g)):
        chance = math.prod(1 - p if each else p for each in kept)
        found.append((chance, weight @ (g * torch.tensor(kept) / (1 - p)) + bias))
    mean = sum(chance * logits for chance, logits in found)
    return mean, sum(chance * torch.outer(logits - mean, logits - mean) for chance, logits in found)


def rectified_by_quadrature(mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance of max(a, 0), a Gaussian, by the midpoint rule over twelve standard deviations."""
    s, steps = math.sqrt(variance), 200_000
    a = mean + s * ((torch.arange(steps, dtype=torch.float64) + 0.5) / steps * 24 - 12)
    chance = torch.exp(-((a - mean) ** 2) / (2 * variance))
    chance = chance / chance.sum()
    first = float((chance * a.relu()).sum())
    return first, float((chance * (a.relu() - first) ** 2).sum())


def moments_of_two_layers(
    weights: list[tuple[Tensor, Tensor | None]], z: Tensor, p1: float, p2: float
) -> tuple[Tensor, Tensor]:
    """Of the logits of dropout -> linear -> ReLU -> dropout -> linear; one image, independent hidden units.

    What goes into the ReLU has the moments that all masks give; then each unit alone, then each pair of classes.
    """
    (w1, b1), (w2, b2) = weights
    into, spread = moments_over_all_masks(w1, torch.zeros(len(w1)) if b1 is None else b1.detach(), z, p1)
    h, c = len(w1), len(w2)
    mean, covariance = torch.zeros(c, dtype=torch.float64), torch.zeros(c, c, dtype=torch.float64)
    for unit in range(h):
        m, v = rectified_by_quadrature(float(into[unit]), float(spread[unit, unit]))
        second = (1 - p2) * (v + m * m) / (1 - p2) ** 2  # of the unit where it is kept, scaled
        for i in range(c):
            mean[i] += w2[i, unit] * m
            for j in range(c):
                covariance[i, j] += w2[i, unit] * w2[j, unit] * (second - m * m)
    return mean + (0 if b2 is None else b2.detach()), covariance


def jacobian(phi: Tensor, c: int) -> Tensor:
    """Of one image's logits by the weights, `[C, P]`, entry by entry."""
    found = torch.zeros(c, c * len(phi), dtype=torch.float64)
    for out in range(c):
        for place, value in enumerate(phi.tolist()):
            found[out, out * len(phi) + place] = value
    return found


def softmax_curvature(probs: Tensor) -> Tensor:
    """Of the cross-entropy by one image's logits, `[C, C]`, entry by entry."""
    c = len(probs)
    rows = [[float(probs[i]) * ((i == j) - float(probs[j])) for j in range(c)] for i in range(c)]
    return torch.tensor(rows, dtype=torch.float64)


def gauss_newton(phi: Tensor, probs: Tensor) -> Tensor:
    """`sum_n J_n^T (diag(p_n) - p_n p_n^T) J_n`, `[P, P]`."""
    c = probs.shape[1]
    terms = [jacobian(f, c).T @ softmax_curvature(p) @ jacobian(f, c) for f, p in zip(phi, probs, strict=True)]
    return torch.stack(terms).sum(0)


def kronecker(phi: Tensor, probs: Tensor) -> Tensor:
    """The product of the curvature over classes and the mean square of the inputs, `[P, P]`."""
    over_classes = torch.stack([softmax_curvature(p) for p in probs]).sum(0)
    over_inputs = torch.stack([torch.outer(f, f) for f in phi]).mean(0)
    return torch.kron(over_classes, over_inputs)


CURVATURES = {
    "full": gauss_newton,
    "kron": kronecker,
    "diag": lambda phi, probs: gauss_newton(phi, probs).diagonal().diag(),
}


def log_evidence(log_likelihood: float, weights: Tensor, h: Tensor, precision: float) -> float:
    """The integral of likelihood times prior, with the exponent cut off after its second order."""
    p = weights.numel()
    prior = [math.log(precision / (2 * math.pi)) / 2 - precision * w**2 / 2 for w in weights.flatten().tolist()]
    curved = h + precision * torch.eye(p, dtype=torch.float64)
    volume = p / 2 * math.log(2 * math.pi) - float(torch.linalg.slogdet(curved).logabsdet) / 2
    return log_likelihood + math.fsum(prior) + volume


def moderated(phi: Tensor, weights: Tensor, covariance: Tensor) -> Tensor:
    """MacKay's approximation of one image's predictive log-probabilities `[C]`, class by class."""
    j = jacobian(phi, len(weights))
    of_logits = j @ covariance @ j.T
    scaled = [
        float(weights[c] @ phi) / math.sqrt(1 + math.pi * float(of_logits[c, c]) / 8) for c in range(len(weights))
    ]
    top = max(scaled)
    total = top + math.log(math.fsum(math.exp(value - top) for value in scaled))
    return torch.tensor([value - total for value in scaled], dtype=torch.float64)


def log_normal(f: Tensor, mean: Tensor, covariance: Tensor) -> float:
    """log N(f; mean, covariance) by the inverse and the determinant."""
    apart = f - mean
    distance = apart @ torch.linalg.inv(covariance) @ apart
    return float(-(len(f) * math.log(2 * math.pi) + torch.linalg.slogdet(covariance).logabsdet + distance) / 2)


def shrunk_covariances(features: Tensor, labels: Tensor, c: int) -> list[Tensor]:
    """Each class's covariance after both shrinkages; every sum is a loop."""
    d = features.shape[1]
    means = {k: features[labels == k].mean(0) for k in range(c) if bool((labels == k).any())}
    scatter = {k: torch.zeros(d, d, dtype=torch.float64) for k in range(c)}
    for f, label in zip(features, labels.tolist(), strict=True):
        scatter[label] += torch.outer(f - means[label], f - means[label])
    freedom = len(features) - len(means)
    s = sum(scatter.values()) / freedom
    variance = sum(float(s[i, i]) for i in range(d)) / d
    power = sum(float(s[i, j]) ** 2 for i in range(d) for j in range(d)) / d**2
    spread = (freedom + 1) * (power - variance**2 / d)
    share = min(1.0, (power + variance**2) / spread) if spread > 0 else 1.0
    pooled = (1 - share) * s + share * variance * torch.eye(d, dtype=torch.float64)
    chance = float((pooled @ pooled).trace() + pooled.trace() ** 2)
    found = []
    for k in range(c):
        n = int((labels == k).sum())
        own = scatter[k] / (n - 1) if n > 1 else pooled
        apart = float(torch.linalg.matrix_norm(own - pooled) ** 2)
        share = min(1.0, chance / ((n - 1) * apart)) if n > 1 else 1.0
        found.append((1 - share) * own + share * pooled)
    return found


def swag_moments(snapshots: list[Tensor], rank: int) -> tuple[Tensor, Tensor]:
    """Mean `[P]` and covariance `[P, P]` of SWAG from all snapshots, each written out."""
    mean = torch.stack(snapshots).mean(0)
    variance = torch.stack(snapshots).square().mean(0) - mean.square()
    columns = [w - torch.stack(snapshots[: t + 1]).mean(0) for t, w in enumerate(snapshots)][-rank:]
    low_rank = sum(torch.outer(column, column) for column in columns) / (len(columns) - 1)
    return mean, (variance.diag() + low_rank) / 2
