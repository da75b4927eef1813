"""Images as the sets of their objects."""

import math

import pytest
import torch

from askance.maths import Likeness, set_embedding
from askance.maths.object_sets import SHRUNK
from askance.vocab import DrawsError
from tests.reference.object_sets import mean_likeness

RNG = torch.Generator().manual_seed(0)
ROWS = torch.randn(23, 5, generator=RNG, dtype=torch.float64) @ torch.randn(
    5, 5, generator=RNG, dtype=torch.float64
)
WEIGHTS = torch.rand(23, generator=RNG, dtype=torch.float64)
OWNERS = torch.randint(6, (23,), generator=RNG)  # a seventh image has no object
LABELS = torch.randint(3, (23,), generator=RNG)
WIDE = 1 << 15


def likeness(width: int = WIDE, seed: int = 0, sigma: float | None = None) -> Likeness:
    return Likeness.of(ROWS, width=width, seed=seed, sigma=sigma)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 5.0])
@pytest.mark.parametrize("labels", [None, LABELS], ids=["whatever the class", "by class"])
def test_products_are_the_mean_likeness_of_all_pairs(sigma: float, labels: torch.Tensor | None):
    made = likeness(sigma=sigma)
    rows = set_embedding(ROWS, WEIGHTS, OWNERS, 7, made, labels)
    white = (ROWS @ made.whitening).tolist()
    classes = None if labels is None else labels.tolist()
    due = torch.tensor(
        mean_likeness(white, WEIGHTS.tolist(), OWNERS.tolist(), 7, sigma, classes), dtype=torch.float64
    )
    torch.testing.assert_close(rows @ rows.T, due, atol=4 / math.sqrt(WIDE / 2), rtol=0)


def test_an_image_of_one_object_has_length_one_and_one_of_none_is_zeros():
    rows = set_embedding(ROWS[:2], torch.tensor([0.3, 1.0]), torch.tensor([0, 2]), 3, likeness(64), LABELS[:2])
    torch.testing.assert_close(rows.norm(dim=1), torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))


def test_twice_the_weights_or_every_object_twice_is_the_same_image():
    made = likeness(64)
    due = set_embedding(ROWS, WEIGHTS, OWNERS, 7, made, LABELS)
    torch.testing.assert_close(set_embedding(ROWS, 2 * WEIGHTS, OWNERS, 7, made, LABELS), due)
    twice = set_embedding(torch.cat([ROWS, ROWS]), WEIGHTS.repeat(2), OWNERS.repeat(2), 7, made, LABELS.repeat(2))
    torch.testing.assert_close(twice, due)


def test_neither_chunks_nor_order_matter():
    made = likeness(64)
    due = set_embedding(ROWS, WEIGHTS, OWNERS, 7, made, LABELS)
    mine = OWNERS == 3
    alone = set_embedding(ROWS[mine], WEIGHTS[mine], torch.zeros(int(mine.sum())).long(), 1, made, LABELS[mine])
    torch.testing.assert_close(alone[0], due[3])
    order = torch.randperm(23, generator=torch.Generator().manual_seed(1))
    turned = set_embedding(ROWS[order], WEIGHTS[order], OWNERS[order], 7, made, LABELS[order])
    torch.testing.assert_close(turned, due)


def test_the_seed_decides():
    rows = [set_embedding(ROWS, WEIGHTS, OWNERS, 7, likeness(64, seed), LABELS) for seed in (3, 3, 4)]
    assert torch.equal(rows[0], rows[1])
    assert not torch.allclose(rows[0], rows[2])


def test_the_numbers_of_other_classes_do_not_turn_a_class():
    """A class's angle is its own: a chunk that has only class 2 agrees with one that has all."""
    made = likeness(64)
    one = set_embedding(ROWS[:1], WEIGHTS[:1], torch.tensor([0]), 1, made, torch.tensor([2]))
    both = set_embedding(ROWS[:2], WEIGHTS[:2], torch.tensor([0, 1]), 2, made, torch.tensor([2, 0]))
    torch.testing.assert_close(one[0], both[0])


def test_features_are_whitened_with_a_round_part_mixed_in():
    white = likeness(64).whitening
    apart = ROWS - ROWS.mean(0)
    covariance = apart.T @ apart / len(ROWS)
    mixed = (1 - SHRUNK) * covariance + SHRUNK * covariance.diagonal().mean() * torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(white @ mixed @ white, torch.eye(5, dtype=torch.float64), atol=1e-9, rtol=0)


def test_two_objects_at_the_usual_distance_are_alike_by_e_to_minus_two():
    made = likeness(WIDE)
    white = ROWS @ made.whitening
    usual = math.sqrt(float(torch.cdist(white, white).square().mean()))
    pair = torch.zeros(2, 5, dtype=torch.float64)
    pair[1] = torch.linalg.solve(made.whitening, torch.tensor([usual, 0, 0, 0, 0], dtype=torch.float64))
    rows = set_embedding(pair, torch.ones(2), torch.tensor([0, 1]), 2, made)
    assert float(rows[0] @ rows[1]) == pytest.approx(math.exp(-2), abs=0.03)


def test_objects_that_are_all_alike_or_none_at_all_still_give_rows():
    same = Likeness.of(torch.ones(4, 3), width=8)
    rows = set_embedding(torch.ones(4, 3), torch.ones(4), torch.tensor([0, 0, 1, 1]), 2, same)
    torch.testing.assert_close(rows @ rows.T, torch.ones(2, 2, dtype=torch.float64))
    none = Likeness.of(torch.empty(0, 3), width=8)
    assert (
        set_embedding(torch.empty(0, 3), torch.empty(0), torch.empty(0).long(), 2, none).tolist()
        == [[0.0] * 8] * 2
    )


@pytest.mark.usefixtures("as_users_run")
def test_refuses_what_no_row_can_be_made_of():
    made = likeness(8)
    with pytest.raises(DrawsError, match="finite"):
        set_embedding(ROWS * math.nan, WEIGHTS, OWNERS, 7, made)
    with pytest.raises(DrawsError, match=r"\[U, 5\]"):
        set_embedding(ROWS[:, :4], WEIGHTS, OWNERS, 7, made)
    with pytest.raises(DrawsError, match="weights of 0 or more"):
        set_embedding(ROWS, -WEIGHTS, OWNERS, 7, made)
    with pytest.raises(DrawsError, match="even width"):
        likeness(7)
