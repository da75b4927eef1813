import pytest
import torch
from hypothesis import given
from torch import Tensor

from askance.maths import suspected_errors
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
