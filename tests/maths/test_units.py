"""Units and the images they belong to."""

import pytest
import torch

from askance.maths import Cost, Draws, Units, aggregate, totals
from askance.vocab import DrawsError

DRAWS = Draws(torch.zeros(3, 2, 1), joint=True)
SCORES = torch.tensor([1.0, 4.0, 2.0, 3.0, 10.0], dtype=torch.float64)
OWNERS = torch.tensor([2, 2, 2, 2, 0])


@pytest.mark.parametrize(
    ("how", "due"),
    [("mean", [10.0, 0.0, 2.5, 0.0]), ("max", [10.0, 0.0, 4.0, 0.0]), ("top3-mean", [10.0, 0.0, 3.0, 0.0])],
)
def test_scores_of_units_become_those_of_images(how, due: list[float]):
    assert aggregate(SCORES, OWNERS, 4, how).tolist() == due
    assert aggregate(SCORES.flip(0), OWNERS.flip(0), 4, how).tolist() == due


@pytest.mark.parametrize("how", ["mean", "max", "top3-mean"])
def test_negative_scores_are_not_lifted_to_zero(how):
    assert aggregate(-SCORES, OWNERS, 3, how)[0] == -10
    assert aggregate(-SCORES, OWNERS, 3, how)[2] < 0


@pytest.mark.parametrize("how", ["mean", "max", "top3-mean"])
def test_images_without_any_unit_score_zero(how):
    none = torch.zeros(0, dtype=torch.float64)
    assert aggregate(none, torch.zeros(0, dtype=torch.int64), 3, how).tolist() == [0.0] * 3


@pytest.mark.usefixtures("as_users_run")
def test_refuses_to_sum():
    with pytest.raises(DrawsError, match="top3-mean"):
        aggregate(SCORES, OWNERS, 3, "sum")


@pytest.mark.parametrize("image", [[0, 1], [0, 1, 3], [-1, 0, 1], [0, 1, 2, 2]])
def test_refuses_places_that_are_not_one_image_a_unit(image: list[int]):
    with pytest.raises(DrawsError, match=r"0\.\.2"):
        Units(DRAWS, torch.tensor(image), n_images=3)


def test_an_image_may_have_no_unit_and_a_chunk_none_at_all():
    assert Units(DRAWS, torch.tensor([4, 4, 0]), n_images=5).n_images == 5
    assert len(Units(DRAWS[:0], torch.zeros(0, dtype=torch.int64), n_images=2).draws) == 0


def test_images_can_be_their_own_units():
    units = Units.one_each(DRAWS)
    assert units.image.tolist() == [0, 1, 2]
    assert units.n_images == 3


def test_per_cost_is_what_units_are_worth_together_by_what_they_are_expected_to_cost():
    sure = torch.tensor([1.0, 0.5, 0.25, 0.25, 1.0], dtype=torch.float64)
    due = [10 / (3 + 2 * 1), 0.0, 10 / (3 + 2 * 2), 0.0]
    assert aggregate(SCORES, OWNERS, 4, "per-cost", sure, Cost(3.0, 2.0)).tolist() == pytest.approx(due)
    due = [10 / (5 + 7), 0.0, 10 / (5 + 28), 0.0]  # all are things where nobody says how likely
    assert aggregate(SCORES, OWNERS, 4, "per-cost").tolist() == pytest.approx(due)
    assert totals(sure, OWNERS, 4).tolist() == [1.0, 0.0, 2.0, 0.0]


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("cost", [(0.0, 7.0), (-1.0, 7.0), (5.0, -1.0), (float("nan"), 7.0)])
def test_refuses_an_image_for_nothing_and_a_box_for_less(cost: tuple[float, float]):
    with pytest.raises(DrawsError, match="costs more than 0"):
        Cost(*cost)
