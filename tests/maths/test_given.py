"""Numbers as people have them, and what Draws make of them."""

import numpy as np
import pytest
import torch

from askance.maths import Draws, as_tensor
from askance.vocab import DrawsError

PROBS = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], size=(5, 4))


@pytest.mark.parametrize(
    "give", [np.asarray, torch.as_tensor, list, np.ndarray.tolist, lambda p: list(torch.tensor(p))]
)
def test_probabilities_are_taken_from_arrays_and_lists(give):
    draws = Draws.from_probs(give(PROBS), joint=True)
    np.testing.assert_array_equal(draws.log_probs.numpy(), np.log(PROBS))
    again = Draws.from_logits(give(np.log(PROBS) + 3.0), joint=True)
    np.testing.assert_allclose(again.log_probs.numpy(), np.log(PROBS), atol=1e-12)


def test_an_array_that_cannot_be_written_to_is_copied_and_any_other_shared():
    locked = PROBS.copy()
    locked.setflags(write=False)
    assert torch.equal(as_tensor(locked, "numbers"), torch.tensor(PROBS))
    assert as_tensor(PROBS, "numbers").numpy().base is PROBS or np.shares_memory(
        as_tensor(PROBS, "").numpy(), PROBS
    )
    assert as_tensor(PROBS.astype(">f8"), "numbers").equal(torch.tensor(PROBS))


def test_what_sums_to_one_only_nearly_is_normalised_where_that_is_asked_for():
    rounded = PROBS.round(2)
    rounded[0, 0] = [0.33, 0.33, 0.33]
    with pytest.raises(DrawsError, match="log-sum"):
        Draws.from_probs(rounded, joint=True)
    draws = Draws.from_probs(rounded, joint=True, normalise=True)
    np.testing.assert_allclose(draws.log_probs[0, 0].exp().numpy(), [1 / 3] * 3, rtol=1e-12)
    votes = Draws.from_probs(np.array([[[30, 10, 0]]]), joint=True, normalise=True)
    assert votes.log_probs.exp().tolist() == [[[0.75, 0.25, 0.0]]]


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (PROBS[:, 0], r"numbers\[:, None\]"),  # one network
        (PROBS - 0.5, "none below zero"),
        (np.zeros((2, 2, 3)), "log-sum"),
        ([["a"]], "a numpy array"),
        ([np.zeros((2, 3)), np.zeros((3, 3))], "one shape"),
    ],
)
@pytest.mark.parametrize("normalise", [True, False])
def test_what_cannot_be_probabilities_is_refused_in_words(numbers, why, normalise):
    with pytest.raises(DrawsError, match=why):
        Draws.from_probs(numbers, joint=True, normalise=normalise)


def test_draws_say_how_many_of_what_they_are_and_not_their_numbers():
    draws = Draws.from_logits(torch.zeros(1597, 50, 10), joint=True)
    assert repr(draws) == "Draws(N=1597, K=50, C=10, joint)"
    assert repr(Draws(draws.log_probs[:1], joint=False)) == "Draws(N=1, K=50, C=10, not joint)"
    page = Draws.from_probs(PROBS.repeat(3, axis=0), joint=True)._repr_html_()
    assert "N=15, K=4, C=3" in page
    assert page.count("<tr>") == 6
    assert "and 10 more" in page
    best = PROBS[0].mean(0)
    assert f"<td>0</td><td>{best.argmax()}</td><td>{best.max():.2f}</td>" in page
    entropy = -(best * np.log(best)).sum()
    assert f"<td>{entropy:.2f}</td></tr>" in page
