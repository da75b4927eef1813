"""Units and the images they belong to."""

import pytest
import torch

from askance.maths import Draws, Units, aggregate
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
