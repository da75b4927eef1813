"""Images with several labels: a unit is one label of one image."""

import math

import pytest
import torch

from askance.acquisition import acquisitions, epig, score
from askance.maths import Draws, aggregate, bernoulli_units
from askance.vocab import DrawsError
from tests.reference.acquisitions import TWINS, of_images

LOGITS = 2 * torch.randn(6, 20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
UNITS = bernoulli_units(LOGITS, joint=True)
OF_DRAWS_ALONE = [entry.name for entry in acquisitions if entry.needs == {"draws"}]


def plain_entropy(p: float) -> float:
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


def test_a_unit_is_one_label_of_one_image():
    assert UNITS.image.tolist() == [image for image in range(6) for _ in range(5)]
    assert UNITS.n_images == 6
    assert UNITS.draws.joint
    assert not bernoulli_units(LOGITS, joint=False).draws.joint
    present = UNITS.draws.log_probs[..., 1].exp().view(6, 5, 20).transpose(1, 2)
    torch.testing.assert_close(present, torch.sigmoid(LOGITS), atol=1e-15, rtol=0)


def test_bald_of_a_label_is_the_information_of_a_bernoulli():
    of_labels = score("bald", draws=UNITS.draws).view(6, 5)
    for image in range(6):
        for label in range(5):
            draws = [1 / (1 + math.exp(-z)) for z in LOGITS[image, :, label].tolist()]
            due = plain_entropy(math.fsum(draws) / 20) - math.fsum(map(plain_entropy, draws)) / 20
            assert of_labels[image, label].item() == pytest.approx(due, abs=1e-12)


@pytest.mark.parametrize("name", OF_DRAWS_ALONE)
@pytest.mark.parametrize("how", ["mean", "max", "top3-mean"])
def test_every_acquisition_scores_labels_and_images(name: str, how):
    absent_present = [[[math.log1p(-p), math.log(p)] for p in unit] for unit in _present()]
    of_labels = [TWINS[name](unit) for unit in absent_present]
    due = of_images(of_labels, UNITS.image.tolist(), 6, how)
    found = aggregate(score(name, draws=UNITS.draws), UNITS.image, 6, how)
    torch.testing.assert_close(found, torch.tensor(due, dtype=torch.float64), atol=1e-12, rtol=0)


def _present() -> list[list[float]]:
    """p of each label of each image, draw by draw."""
    return [torch.sigmoid(LOGITS[image, :, label]).tolist() for image in range(6) for label in range(5)]


def test_labels_of_other_images_are_targets():
    targets = bernoulli_units(LOGITS[:2], joint=True).draws
    gains = epig(UNITS.draws, targets)
    assert bool((gains <= score("bald", draws=UNITS.draws) + 1e-12).all())
    assert float(gains.min()) > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("large", [1000.0, math.inf])
def test_extreme_logits_are_exact(dtype: torch.dtype, large: float):
    """Two labels: draws sure of different things, and draws sure of the same."""
    logits = torch.tensor([[[large, -large], [-large, -large]]], dtype=dtype)
    units = bernoulli_units(logits, joint=True)
    assert units.draws.log_probs.exp().tolist() == [[[0, 1], [1, 0]], [[1, 0], [1, 0]]]
    assert score("bald", draws=units.draws).tolist() == pytest.approx([math.log(2), 0], abs=1e-15)
    assert score("predictive-entropy", draws=units.draws)[1] == 0
    assert score("expected-entropy", draws=units.draws).tolist() == [0, 0]


def test_five_sure_labels_are_not_a_toss_up():
    """A peer's softmax over five labels at 0.999 gives log 5."""
    logits = torch.full((1, 3, 5), math.log(0.999 / 0.001), dtype=torch.float64)
    units = bernoulli_units(logits, joint=True)
    entropies = score("predictive-entropy", draws=units.draws)
    assert aggregate(entropies, units.image, 1).item() == pytest.approx(plain_entropy(0.999), abs=1e-12)
    assert 5 * entropies[0].item() == pytest.approx(0.0396, abs=1e-4)


@pytest.mark.parametrize("name", OF_DRAWS_ALONE)
@pytest.mark.parametrize("how", ["mean", "max", "top3-mean"])
def test_an_image_whose_labels_are_all_certain_has_nothing_to_teach(name: str, how):
    certain = LOGITS.clone()
    certain[2] = torch.tensor([1000.0, -1000.0, -1000.0, 1000.0, -1000.0])
    units = bernoulli_units(certain, joint=True)
    scores = aggregate(score(name, draws=units.draws), units.image, 6, how)
    assert scores[2] == 0
    assert (scores > 0).sum() == 5


def test_chunks_of_images_give_the_very_same_scores():
    parts = [score("bald", draws=bernoulli_units(part, joint=True).draws) for part in LOGITS.split(2)]
    assert torch.equal(torch.cat(parts), score("bald", draws=UNITS.draws))


def test_no_images_and_no_labels_are_no_units():
    assert len(bernoulli_units(LOGITS[:0], joint=True).draws) == 0
    none = bernoulli_units(LOGITS[..., :0], joint=True)
    assert (len(none.draws), none.n_images) == (0, 6)


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("logits", [LOGITS[0], LOGITS.long(), LOGITS / 0 * 0], ids=["2 axes", "whole", "NaN"])
def test_refuses_what_are_not_logits(logits: torch.Tensor):
    with pytest.raises(DrawsError):
        bernoulli_units(logits, joint=True)


def test_a_label_is_two_classes():
    two = Draws.from_logits(torch.stack([torch.zeros_like(LOGITS), LOGITS], -1)[:, :, 0], joint=True)
    torch.testing.assert_close(UNITS.draws.log_probs[::5], two.log_probs, atol=1e-12, rtol=0)
