"""Gaussian logits: many draws have the moments they were drawn from."""

import pytest
import torch

from askance.maths import GaussianLogits
from askance.maths.gaussian import normals
from askance.vocab import DrawsError

GENERATOR = torch.Generator().manual_seed(0)
ROOT = torch.randn(3, 4, 4, generator=GENERATOR, dtype=torch.float64)
MEAN = torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.mT


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def centred(logits: torch.Tensor) -> torch.Tensor:
    """Without what a softmax forgets."""
    return logits - logits.mean(-1, keepdim=True)


@pytest.mark.parametrize("rank", [4, 1], ids=["full rank", "rank one"])
def test_draws_have_the_mean_and_covariance_asked_for(rank: int):
    covariance = ROOT[..., :rank] @ ROOT[..., :rank].mT
    draws = GaussianLogits(MEAN, covariance).draw(40_000, generator())
    got = centred(draws.log_probs)
    centre = torch.eye(4, dtype=torch.float64) - 1 / 4
    due = centre @ covariance @ centre
    error = got - got.mean(1, keepdim=True)
    within = 6 * (due.diagonal(dim1=-2, dim2=-1).amax() / 40_000).sqrt()
    torch.testing.assert_close(got.mean(1), centred(MEAN), atol=float(within), rtol=0)
    measured = error.mT @ error / 40_000
    torch.testing.assert_close(measured, due, atol=0.04 * float(due.abs().amax()), rtol=0)


def test_without_spread_every_draw_is_the_mean():
    draws = GaussianLogits(MEAN, torch.zeros(3, 4, 4, dtype=torch.float64)).draw(5, generator())
    torch.testing.assert_close(draws.log_probs, MEAN.log_softmax(-1)[:, None].expand(3, 5, 4))


def test_draws_depend_on_the_generator_alone_and_not_on_the_other_units():
    posterior = GaussianLogits(MEAN, COVARIANCE)
    whole = posterior.draw(7, generator())
    assert torch.equal(posterior.draw(7, generator()).log_probs, whole.log_probs)
    assert not torch.equal(posterior.draw(7, generator(1)).log_probs, whole.log_probs)
    part = GaussianLogits(MEAN[1:], COVARIANCE[1:]).draw(7, generator())
    torch.testing.assert_close(part.log_probs, whole.log_probs[1:])


def test_rounding_of_a_covariance_does_not_make_other_draws():
    """Two of its eigenvalues are equal: which vectors span their plane is for rounding to say."""
    basis, _ = torch.linalg.qr(ROOT[0])
    covariance = (basis * torch.tensor([0.3, 1.0, 1.0, 2.0], dtype=torch.float64)) @ basis.mT
    skewed = covariance + 1e-9 * (ROOT[1] + ROOT[1].mT)
    one, two = (GaussianLogits(MEAN[:1], each[None]).draw(20, generator()) for each in (covariance, skewed))
    torch.testing.assert_close(one.log_probs, two.log_probs, atol=1e-7, rtol=0)


@pytest.mark.parametrize("k", [8, 9, 40])
def test_enough_draws_have_the_moments_exactly(k: int):
    got = centred(GaussianLogits(MEAN, COVARIANCE).draw(k, generator()).log_probs)
    centre = torch.eye(4, dtype=torch.float64) - 1 / 4
    torch.testing.assert_close(got.mean(1), centred(MEAN), atol=1e-12, rtol=0)
    error = got - got.mean(1, keepdim=True)
    torch.testing.assert_close(error.mT @ error / k, centre @ COVARIANCE @ centre, atol=1e-10, rtol=0)


def test_few_draws_are_independent_normals():
    noise = normals(7, 4, generator())
    assert noise.shape == (7, 4)
    assert float((noise[:3] + noise[3:6]).abs().min()) > 0


def test_draws_are_gaussian_axis_by_axis():
    """Whitening turns and stretches; quantiles of many draws stay those of the normal."""
    noise = normals(20_000, 4, generator()).flatten().sort().values
    for p in (0.01, 0.1, 0.5, 0.9, 0.99):
        due = float(torch.special.ndtri(torch.tensor(p, dtype=torch.float64)))
        assert float(noise[int(p * len(noise))]) == pytest.approx(due, abs=0.03)


def test_a_narrow_dtype_rounds_the_same_draws():
    posterior = GaussianLogits(MEAN, COVARIANCE)
    narrow = posterior.draw(9, generator(), torch.float32).log_probs
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), posterior.draw(9, generator()).log_probs, atol=1e-5, rtol=0)


def test_draws_are_never_called_joint():
    assert not GaussianLogits(MEAN, COVARIANCE).draw(2, generator()).joint


@pytest.mark.parametrize(
    ("mean", "covariance", "because"),
    [
        (MEAN, COVARIANCE[:2], r"\[2, 4, 4\]"),
        (MEAN, COVARIANCE[:, :3], r"\[3, 3, 4\]"),
        (MEAN * torch.nan, COVARIANCE, "NaN"),
        (MEAN, COVARIANCE * torch.inf, "NaN"),
        (MEAN, ROOT, "apart"),
    ],
    ids=["another N", "not square", "NaN", "infinite", "not symmetric"],
)
@pytest.mark.usefixtures("as_users_run")
def test_refuses_what_is_no_gaussian(mean: torch.Tensor, covariance: torch.Tensor, because: str):
    with pytest.raises(DrawsError, match=because):
        GaussianLogits(mean, covariance)
