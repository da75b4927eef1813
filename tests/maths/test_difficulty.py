"""How much classes count by how badly the model does on them."""

import math

import pytest
import torch

from askance.maths import class_quality, difficulty_weights
from askance.vocab import DrawsError


@pytest.mark.parametrize(("alpha", "most"), [(0.3, 0.2), (0.1, 0.5), (2.0, 1.0)])
def test_weights_are_the_formula_term_by_term(alpha: float, most: float):
    quality = [0.0, 0.1, 0.5, 0.99, 1.0]
    b = math.exp(1 / alpha) - 1
    due = [1 + alpha * most * math.log(b * (1 - q) + 1) for q in quality]
    found = difficulty_weights(torch.tensor(quality, dtype=torch.float64), alpha, most)
    torch.testing.assert_close(found, torch.tensor(due, dtype=torch.float64))
    assert float(found[0]) == pytest.approx(1 + most)
    assert float(found[-1]) == 1.0
    assert found.tolist() == sorted(found.tolist(), reverse=True)


def test_quality_is_the_mean_over_the_objects_of_a_class():
    p, iou = [0.9, 0.0, 0.5, 1.0], [0.8, 0.0, 0.25, 1.0]
    found = class_quality(torch.tensor(p), torch.tensor(iou), torch.tensor([0, 0, 2, 2]), 4)
    one = [a**0.6 * b**0.4 for a, b in zip(p, iou, strict=True)]
    due = [(one[0] + one[1]) / 2, 0.0, (one[2] + one[3]) / 2, 0.0]
    torch.testing.assert_close(found, torch.tensor(due, dtype=torch.float64), atol=1e-7, rtol=0)


@pytest.mark.usefixtures("as_users_run")
def test_refuses_what_is_no_share():
    with pytest.raises(DrawsError, match="quality in"):
        difficulty_weights(torch.tensor([1.2]))
    with pytest.raises(DrawsError, match="overlap in"):
        class_quality(torch.tensor([1.0]), torch.tensor([math.nan]), torch.tensor([0]), 1)
    with pytest.raises(DrawsError, match="alpha above 0"):
        difficulty_weights(torch.tensor([0.2]), alpha=0.0)
