import math

import pytest
import torch
from hypothesis import given
from torch import Tensor

from askance.maths import probably_right, suspected_errors, worth_a_look
from askance.vocab import DrawsError, LabelError
from tests.maths.test_calibration import said, some
from tests.reference import calibration as slow


@given(said())
def test_is_its_slow_twin(case: tuple[Tensor, Tensor]) -> None:
    log_probs, targets = case
    probs = log_probs.exp()
    found = suspected_errors(log_probs, targets)
    suspects, joint = slow.label_errors(probs.tolist(), targets.tolist())
    assert list(zip(found.places.tolist(), found.suggested.tolist(), strict=True)) == suspects
    assert found.joint.tolist() == joint
    own = [float(probs[n, targets[n]]) for n in found.places.tolist()]
    assert found.self_confidence.tolist() == own == sorted(own)
    assert int(found.joint.sum() - found.joint.diag().sum()) == len(suspects)


def test_flipped_labels_are_found_first() -> None:
    log_probs, _ = some(400, scale=4.0)
    targets = log_probs.argmax(1)
    flipped = targets.clone()
    flipped[:20] = (targets[:20] + 1) % 5
    found = suspected_errors(log_probs, flipped).places
    assert set(found.tolist()) <= set(range(20))  # nobody is accused falsely
    assert len(found) >= 15
    assert len(suspected_errors(log_probs, targets).places) == 0


def test_mean_of_equal_probabilities_does_not_round_past_them() -> None:
    log_probs = torch.tensor([[4 / 41, 37 / 41]] * 3, dtype=torch.float64).log()
    own = log_probs[:, 0].exp()
    assert own.sum() / 3 > own[0]
    assert suspected_errors(log_probs, torch.tensor([0, 0, 0])).joint.tolist() == [[3, 0], [0, 0]]


def test_the_order_of_the_units_does_not_matter_to_who_is_doubted() -> None:
    log_probs, targets = some(100)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    found, moved = suspected_errors(log_probs, targets), suspected_errors(log_probs[order], targets[order])
    assert order[moved.places].tolist() == found.places.tolist()
    assert torch.equal(found.joint, moved.joint)


def test_nothing_given_nothing_doubted() -> None:
    found = suspected_errors(torch.zeros(0, 3), torch.tensor([], dtype=torch.long))
    assert len(found.places) == 0
    assert found.joint.tolist() == [[0] * 3] * 3


@pytest.mark.usefixtures("as_users_run")
def test_refusals() -> None:
    with pytest.raises(LabelError):
        suspected_errors(torch.zeros(2, 1), torch.tensor([0]))
    with pytest.raises(LabelError):
        suspected_errors(torch.zeros(1, 1), torch.tensor([1]))
    with pytest.raises(DrawsError):
        suspected_errors(torch.zeros(1, 2), torch.tensor([0]))


def slow_right(log_probs: Tensor, targets: Tensor) -> list[float]:
    """The mean over temperatures and shares of wrong labels, one after another."""
    n, c = log_probs.shape
    total, weights = [0.0] * n, 0.0
    for t in range(41):
        temperature = 2 ** (-2 + 5 * t / 40)
        own = [
            float(torch.softmax(row.double() / temperature, 0)[y])
            for row, y in zip(log_probs, targets, strict=True)
        ]
        for e in (i / 100 for i in range(51)):
            likely = [(1 - e) * p + e * (1 - p) / (c - 1) for p in own]
            weight = math.prod(likely) * (1 - e) ** 48
            weights += weight
            total = [so_far + weight * (1 - e) * p / q for so_far, p, q in zip(total, own, likely, strict=True)]
    return [one / weights for one in total]


def test_how_sure_a_label_is_is_its_slow_twin() -> None:
    generator = torch.Generator().manual_seed(3)
    log_probs = torch.log_softmax(3 * torch.randn(12, 4, generator=generator, dtype=torch.float64), dim=1)
    targets = torch.randint(0, 4, (12,), generator=generator)
    assert probably_right(log_probs, targets).tolist() == pytest.approx(slow_right(log_probs, targets), rel=1e-6)


@pytest.mark.parametrize("too_sure", [1.0, 2.0])
@pytest.mark.parametrize("wrong_share", [0.0, 0.05])
def test_false_alarms_are_as_many_as_expected(too_sure: float, wrong_share: float) -> None:
    """Labels from the model's own probabilities, some turned to another class; the model may be too sure."""
    generator = torch.Generator().manual_seed(0)
    n, c, listed, false, expected, shown, shown_false = 300, 6, 0, 0, 0.0, 0, 0
    for _ in range(20):
        logits = 3 * torch.randn(n, c, generator=generator, dtype=torch.float64)
        truth = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
        wrong = torch.rand(n, generator=generator) < wrong_share
        given = torch.where(wrong, (truth + torch.randint(1, c, (n,), generator=generator)) % c, truth)
        log_probs = torch.log_softmax(too_sure * logits, dim=1)
        right, places = probably_right(log_probs, given), suspected_errors(log_probs, given).places
        places = places[right[places].argsort()]
        best = places[: worth_a_look(right[places].tolist())]
        listed, false = listed + len(places), false + int((~wrong[places]).sum())
        expected += float(right[places].sum())
        shown, shown_false = shown + len(best), shown_false + int((~wrong[best]).sum())
    assert expected == pytest.approx(false, abs=0.05 * listed)
    if wrong_share:
        assert shown_false <= 0.6 * shown
    else:
        assert shown <= 0.02 * listed  # nothing is wrong, and nearly nothing is shown


def test_no_units_and_one_class() -> None:
    assert probably_right(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).tolist() == []
    with pytest.raises(LabelError, match="two classes"):
        probably_right(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
