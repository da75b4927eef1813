"""What every acquisition must be that asks for what a task says of its units, as of boxes.

Letters: N units, K draws, C classes.
"""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from askance.acquisition import acquisitions, score
from askance.maths import ABOUT, Draws
from askance.vocab import ConfigError, DrawsError
from tests.reference.acquisitions import BOX_TWINS

BOUNDS = {"localisation": (0.0, math.inf), "occurrence": (0.0, 1.0), "box-doubt": (0.0, 1.0)}
"""A new entry states its own here."""

OF_BOXES = [entry.name for entry in acquisitions if entry.needs & ABOUT.keys()]
every = pytest.mark.parametrize("name", OF_BOXES)


@st.composite
def boxes(draw: st.DrawFn) -> dict[str, object]:
    """Draws, and all that scores may ask of boxes."""
    n, k, c = draw(st.integers(0, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    logits = 4 * torch.randn(n, k, c, generator=generator, dtype=torch.float64)
    spread = draw(st.lists(st.sampled_from([0.0, 1.0, 3.0]) | st.floats(0, 2), min_size=n, max_size=n))
    seen = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1), min_size=n, max_size=n))
    about = {"spread": spread, "seen": seen}
    return {
        "draws": Draws.from_logits(logits, joint=True),
        **{name: torch.tensor(values, dtype=torch.float64) for name, values in about.items()},
    }


def rows(given: dict[str, object], which: slice | torch.Tensor) -> dict[str, object]:
    return {name: values[which] for name, values in given.items()}


def twin(name: str, given: dict[str, object]) -> list[float]:
    needs = acquisitions[name].needs
    found = []
    for i in range(len(given["draws"])):
        said = {need: float(given[need][i]) for need in needs & ABOUT.keys()}
        drawn = {"unit": given["draws"].log_probs[i].tolist()} if "draws" in needs else {}
        found.append(BOX_TWINS[name](**said, **drawn))
    return found


def test_every_entry_is_held_to_something():
    assert set(BOUNDS) == set(BOX_TWINS) == set(OF_BOXES)


@every
@settings(max_examples=60)
@given(given=boxes())
def test_equals_its_slow_twin_within_its_bounds(name: str, given: dict[str, object]):
    scores = score(name, **given)
    assert scores.dtype == torch.float64
    torch.testing.assert_close(scores, torch.tensor(twin(name, given), dtype=torch.float64), atol=1e-12, rtol=0)
    low, high = BOUNDS[name]
    assert bool(((scores >= low) & (scores <= high + 1e-12)).all())


@every
@settings(max_examples=20)
@given(given=boxes(), cut=st.integers(0, 5), seed=st.integers(0, 99))
def test_neither_company_nor_order_changes_a_score(name: str, given: dict[str, object], cut: int, seed: int):
    whole = score(name, **given)
    parts = [score(name, **rows(given, part)) for part in (slice(0, cut), slice(cut, None))]
    assert torch.equal(torch.cat(parts), whole)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(score(name, **rows(given, order)), whole[order])


@every
def test_all_sure_is_exactly_nothing(name: str):
    one = Draws.from_probs(torch.tensor([[[0.0, 1.0, 0.0]] * 3]), joint=True)
    sure = {"draws": one, "spread": torch.zeros(1), "seen": torch.ones(1)}
    assert score(name, **sure).tolist() == [0.0]


@every
@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
def test_refuses_what_no_box_can_be(name: str, bad: float):
    draws = Draws.from_logits(torch.zeros(2, 3, 4), joint=True)
    broken = torch.tensor([0.5, bad])
    with pytest.raises(DrawsError, match=r"finite.*\n.*1 of 2"):
        score(name, draws=draws, spread=broken, seen=broken)


@every
@pytest.mark.usefixtures("as_users_run")
def test_says_what_is_missing_and_refuses_rows_of_other_units(name: str):
    draws = Draws.from_logits(torch.zeros(2, 3, 4), joint=True)
    with pytest.raises(ConfigError, match=f"{name} with"):
        score(name, draws=draws)
    with pytest.raises(DrawsError, match="one row a unit"):
        score(name, draws=draws, spread=torch.zeros(3), seen=torch.zeros(3))


@every
def test_scores_hold_no_graph(name: str):
    draws = Draws.from_logits(torch.zeros(2, 3, 4, requires_grad=True), joint=True)
    about = torch.full((2,), 0.5, requires_grad=True)
    assert not score(name, draws=draws, spread=about, seen=about).requires_grad


def test_all_that_is_said_of_units_may_be_offered_and_a_slip_is_not_passed_over():
    draws = Draws.from_logits(torch.zeros(2, 3, 4), joint=True)
    said = {"boxes": torch.zeros(2, 4), "spread": [0.1, 0.2], "label": torch.tensor([0, 1])}
    assert score("localisation", draws=draws, **said).tolist() == [0.1, 0.2]
    assert score("bald", draws=draws, **said).tolist() == [0.0, 0.0]
    with pytest.raises(ConfigError, match="did you mean spread"):
        score("localisation", spred=[0.1])
    with pytest.raises(ConfigError, match="did you mean draws"):
        score("bald", draw=draws.log_probs)
