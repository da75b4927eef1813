"""Gaussian discriminant analysis against densities by inverse and determinant."""

import math

import pytest
import torch
from sklearn.covariance import OAS
from torch import Tensor

from askance.uncertainty import ClassDensities, density, fit_density
from askance.uncertainty.density import oas, towards
from askance.vocab import LabelError, ModelError
from tests.reference.posteriors import log_normal, shrunk_covariances


def data(counts: list[int], d: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Classes with means, sizes and shapes of their own, far from zero, in mixed order."""
    generator = torch.Generator().manual_seed(seed)
    parts, labels = [], []
    for c, n in enumerate(counts):
        shape = torch.randn(d, d, generator=generator, dtype=torch.float64) * (c + 1)
        parts.append(50 + 3 * c + torch.randn(n, d, generator=generator, dtype=torch.float64) @ shape)
        labels += [c] * n
    order = torch.randperm(len(labels), generator=generator)
    return torch.cat(parts)[order], torch.tensor(labels)[order]


CASES = {
    "many labels": ([40, 60, 50], 3),
    "fewer than features": ([4, 3, 5], 8),
    "two a class": ([2, 2, 2], 6),
    "one class with one, one with none": ([7, 1, 0, 9], 3),
    "one feature": ([5, 6], 1),
}
every = pytest.mark.parametrize("case", CASES)


@every
def test_equals_the_densities_written_out(case: str):
    counts, d = CASES[case]
    features, labels = data(counts, d)
    covariances = shrunk_covariances(features, labels, len(counts))
    densities = fit_density([(features, labels)], n_classes=len(counts))
    new = features[:4] + 1
    got = densities.class_log_densities(new)
    for image, f in enumerate(new):
        terms = []
        for c, n in enumerate(counts):
            if n:
                own = features[labels == c].mean(0)
                terms.append(math.log(n / len(labels)) + log_normal(f, own, covariances[c]))
                assert float(got[image, c]) == pytest.approx(terms[-1], abs=1e-8)
            else:
                assert float(got[image, c]) == -math.inf
        top = max(terms)
        due = top + math.log(math.fsum(math.exp(term - top) for term in terms))
        assert float(densities.log_density(new)[image]) == pytest.approx(due, abs=1e-8)


@pytest.mark.parametrize(("n", "d"), [(2, 5), (10, 40), (200, 4)])
def test_the_pooled_shrinkage_is_that_of_scikit_learn(n: int, d: int):
    x, _ = data([n], d)
    x = x - x.mean(0)
    due = OAS(assume_centered=True).fit(x.numpy()).covariance_
    torch.testing.assert_close(oas(x.T @ x / n, n), torch.from_numpy(due), atol=1e-9, rtol=1e-9)


def test_a_class_keeps_its_shape_as_far_as_chance_does_not_explain_it():
    """Many classes of one shape give it up; one that is of another shape keeps it, the more the more labels."""
    generator = torch.Generator().manual_seed(0)
    target = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))

    def share_kept(shape: Tensor, n: int) -> float:
        kept = []
        for _ in range(200):
            x = torch.randn(n, 3, generator=generator, dtype=torch.float64) @ shape.sqrt()
            s = x.T @ x / n
            kept.append(float((towards(s, target, n) - target).norm() / (s - target).norm()))
        return sum(kept) / len(kept)

    same, other = target, torch.diag(torch.tensor([9.0, 1.0, 0.1], dtype=torch.float64))
    assert share_kept(same, 10) < 0.15
    assert share_kept(other, 10) > 2 * share_kept(same, 10)
    assert share_kept(other, 1000) > 0.9


def test_shrinking_brings_a_covariance_nearer_to_the_truth():
    """What the rule is for: the mean squared error, against both ends, where features outnumber labels."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.diag(torch.linspace(0.5, 2, 12, dtype=torch.float64))
    target = truth + 0.3 * torch.eye(12, dtype=torch.float64)
    errors = torch.zeros(3, dtype=torch.float64)
    for _ in range(100):
        x = torch.randn(6, 12, generator=generator, dtype=torch.float64) @ truth.sqrt()
        s = x.T @ x / 6
        candidates = (s, towards(s, target, 6), oas(s, 6))
        errors += torch.stack([(each - truth).square().sum() for each in candidates])
    assert float(errors[1]) < 0.3 * float(errors[0])
    assert float(errors[2]) < float(errors[0])


@pytest.mark.parametrize("covariance", ["class", "pooled"])
def test_the_bits_do_not_depend_on_company(covariance: str):
    features, labels = data([20, 30, 25], d=8)
    densities = fit_density([(features, labels)], n_classes=3, covariance=covariance)
    new = torch.cat([features, features + 1, features - 2])
    whole = densities.log_density(new)
    assert torch.equal(torch.cat([densities.log_density(part) for part in new.split(128)]), whole)
    order = torch.randperm(128, generator=torch.Generator().manual_seed(0))
    assert torch.equal(densities.log_density(new[:128][order]), whole[:128][order])
    assert densities.log_density(new[:0]).shape == (0,)


def test_pooled_is_one_covariance_for_all():
    features, labels = data([6, 7, 5])
    densities = fit_density([(features, labels)], n_classes=3, covariance="pooled")
    within = torch.cat([features[labels == c] - features[labels == c].mean(0) for c in range(3)])
    shared = oas(within.T @ within / 15, 15)
    assert densities.whitening.shape == (1, 3, 3)
    for c in range(3):
        due = math.log((labels == c).double().mean()) + log_normal(
            features[0], features[labels == c].mean(0), shared
        )
        assert float(densities.class_log_densities(features[:1])[0, c]) == pytest.approx(due, abs=1e-8)


def test_densities_integrate_to_one():
    """In nats of a density: a Riemann sum over a plane."""
    features, labels = data([8, 5], d=2)
    densities = fit_density([(features - 50, labels)], n_classes=2)
    step = 0.25
    line = torch.arange(-40, 46, step, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    assert float(densities.log_density(grid).exp().sum() * step**2) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("covariance", ["class", "pooled"])
def test_batches_order_and_dtype_do_not_matter(covariance: str):
    features, labels = data([20, 30, 10])
    whole = fit_density([(features, labels)], n_classes=3, covariance=covariance).log_density(features)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    batches = [(features[part], labels[part].int()) for part in (order[:1], order[1:1], order[1:33], order[33:])]
    parts = fit_density(batches, n_classes=3, covariance=covariance)
    torch.testing.assert_close(parts.log_density(features), whole, atol=1e-9, rtol=0)
    torch.testing.assert_close(parts.log_density(features[order]), whole[order], atol=1e-9, rtol=0)
    torch.testing.assert_close(
        torch.cat([parts.log_density(some) for some in features.split(7)]), parts.log_density(features)
    )
    narrow = fit_density([(features.float(), labels)], n_classes=3, covariance=covariance)
    torch.testing.assert_close(narrow.log_density(features.float()), whole, atol=1e-3, rtol=0)
    assert narrow.log_density(features[:0]).shape == (0,)


def test_a_mean_far_from_zero_costs_no_digits():
    features, labels = data([20, 30])
    near = fit_density([(features, labels)], n_classes=2).log_density(features)
    far = fit_density([(features + 1e6, labels)], n_classes=2).log_density(features + 1e6)
    torch.testing.assert_close(far, near, atol=1e-5, rtol=0)


def test_what_was_not_labelled_is_less_dense_than_what_was():
    features, labels = data([9, 9], d=20)
    densities = fit_density([(features, labels)], n_classes=2)
    assert bool((densities.log_density(features + 100).max() < densities.log_density(features).min()).all())


def test_it_is_kept_and_read_again():
    features, labels = data([9, 9])
    densities = fit_density([(features, labels)], n_classes=2)
    again = ClassDensities.from_tensors(densities.tensors())
    assert torch.equal(again.log_density(features), densities.log_density(features))
    with pytest.raises(ModelError, match="whitening"):
        ClassDensities.from_tensors({n: t for n, t in densities.tensors().items() if n != "whitening"})


def test_what_cannot_be_fitted_is_refused(monkeypatch: pytest.MonkeyPatch):
    features, labels = data([3, 3])
    for batches in ([], [(features[:0], labels[:0])]):
        with pytest.raises(LabelError, match="labelled features"):
            fit_density(batches, n_classes=2)
    with pytest.raises(LabelError, match="two labels"):
        fit_density([(features[:2], torch.tensor([0, 1]))], n_classes=2)
    with pytest.raises(LabelError, match="two labels"):
        fit_density([(features[:1].expand(6, -1), labels)], n_classes=2)
    with pytest.raises(LabelError, match="0 to 0"):
        fit_density([(features, labels)], n_classes=1)
    with pytest.raises(ModelError, match=r"features \[N, 3\]"):
        fit_density([(features, labels), (features[:, :2], labels)], n_classes=2)
    with pytest.raises(ModelError, match=r"features \[N, 3\]"):
        fit_density([(features, labels)], n_classes=2).log_density(features[:, :2])
    monkeypatch.setattr(density, "CLASS_LIMIT", 2 * 3 * 3 - 1)
    with pytest.raises(ModelError, match="pooled"):
        fit_density([(features, labels)], n_classes=2)
    fit_density([(features, labels)], n_classes=2, covariance="pooled")
