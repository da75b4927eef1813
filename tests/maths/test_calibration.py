import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from askance.maths import (
    adaptive_calibration_error,
    apply_temperature,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    reliability_table,
)
from askance.maths.calibration import COLDEST, HOTTEST
from askance.vocab import DrawsError, LabelError
from tests.reference import calibration as slow

WEIGHTS = st.sampled_from([0, 0, 1, 1, 2, 3, 7])
"""Few values, so that confidences tie and exact zeros and ones come up."""


@st.composite
def said(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Log-probabilities `[N, C]` in float64, and targets."""
    n, c = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rows = []
    for _ in range(n):
        weights = draw(st.lists(WEIGHTS, min_size=c, max_size=c))
        weights[draw(st.integers(0, c - 1))] += 1
        rows.append([w / sum(weights) for w in weights])
    targets = draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n))
    return torch.tensor(rows, dtype=torch.float64).log(), torch.tensor(targets)


def some(n: int = 200, c: int = 5, scale: float = 2.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Log-probabilities that are calibrated, sharpened by `scale`, and targets drawn from them."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, c, generator=generator, dtype=torch.float64)
    targets = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return (scale * logits).log_softmax(1), targets


def probs(log_probs: Tensor) -> list[list[float]]:
    return log_probs.exp().tolist()


class TestTemperature:
    @given(said())
    def test_no_temperature_of_a_grid_is_better(self, case: tuple[Tensor, Tensor]) -> None:
        log_probs, targets = case
        rows, labels = log_probs.tolist(), targets.tolist()
        found, best = fit_temperature(log_probs, targets), slow.temperature(rows, labels)
        assert slow.nll(rows, labels, found) <= slow.nll(rows, labels, best) + 1e-9
        assert COLDEST <= found <= HOTTEST

    @pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
    def test_undoes_what_was_done_to_a_calibrated_model(self, scale: float) -> None:
        assert fit_temperature(*some(20000, scale=scale)) == pytest.approx(scale, rel=0.05)

    def test_is_where_the_loss_is_flat(self) -> None:
        log_probs, targets = some()
        found = fit_temperature(log_probs, targets)
        around = [slow.nll(log_probs.tolist(), targets.tolist(), found * f) for f in (0.999, 1, 1.001)]
        assert around[1] <= min(around)
        assert found == pytest.approx(slow.temperature(log_probs.tolist(), targets.tolist()), rel=0.02)

    def test_logits_may_have_any_offset(self) -> None:
        log_probs, targets = some()
        shifted = log_probs + torch.arange(len(log_probs))[:, None]
        assert fit_temperature(shifted, targets) == pytest.approx(fit_temperature(log_probs, targets), rel=1e-6)

    def test_neither_order_nor_dtype_matters(self) -> None:
        log_probs, targets = some()
        there = fit_temperature(log_probs, targets)
        order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(1))
        assert fit_temperature(log_probs[order], targets[order]) == pytest.approx(there, rel=1e-9)
        assert fit_temperature(log_probs.float(), targets) == pytest.approx(there, rel=1e-5)

    def test_without_an_error_the_coldest_and_without_a_hit_the_hottest(self) -> None:
        log_probs = torch.tensor([[0.9, 0.1], [0.7, 0.3]]).log()
        assert fit_temperature(log_probs, torch.tensor([0, 0])) == COLDEST
        assert fit_temperature(log_probs, torch.tensor([1, 1])) == HOTTEST

    def test_where_all_are_as_good_it_changes_nothing(self) -> None:
        assert fit_temperature(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long)) == 1.0
        assert fit_temperature(torch.zeros(3, 4), torch.tensor([0, 1, 2])) == 1.0

    def test_an_impossible_target_leaves_something_to_minimise(self) -> None:
        log_probs = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.9, 0.1]]).log()
        assert fit_temperature(log_probs, torch.tensor([1, 0, 0])) == HOTTEST

    def test_apply_is_the_definition_and_keeps_zeros(self) -> None:
        found = apply_temperature(torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64).log(), 3.0)
        assert found[0].tolist() == pytest.approx([math.log(0.5), math.log(0.5), -math.inf])
        log_probs, _ = some()
        powers = log_probs.exp() ** (1 / 1.7)
        torch.testing.assert_close(apply_temperature(log_probs, 1.7).exp(), powers / powers.sum(1, keepdim=True))
        assert torch.equal(apply_temperature(log_probs, 1.7).argmax(1), log_probs.argmax(1))

    @pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
    def test_a_temperature_that_is_none_is_refused(self, wrong: float) -> None:
        with pytest.raises(DrawsError):
            apply_temperature(torch.zeros(1, 1), wrong)


class TestErrors:
    @given(said(), st.integers(1, 16))
    def test_are_their_slow_twins(self, case: tuple[Tensor, Tensor], bins: int) -> None:
        log_probs, targets = case
        rows, labels = probs(log_probs), targets.tolist()
        assert expected_calibration_error(log_probs, targets, bins) == pytest.approx(slow.ece(rows, labels, bins))
        assert adaptive_calibration_error(log_probs, targets, bins) == pytest.approx(
            slow.adaptive(rows, labels, bins)
        )
        for mass in (False, True):
            found = classwise_calibration_error(log_probs, targets, bins, equal_mass=mass)
            assert found.tolist() == pytest.approx(slow.classwise(rows, labels, bins, mass))
            assert bool(((found >= 0) & (found <= 1 + 1e-12)).all())
        assert brier_score(log_probs, targets) == pytest.approx(slow.brier(rows, labels))
        assert 0 <= brier_score(log_probs, targets) <= 2

    def test_agrees_with_torchmetrics_where_no_confidence_lies_on_an_edge(self) -> None:
        log_probs, targets = some(500)
        theirs = float(multiclass_calibration_error(log_probs.exp(), targets, 5, n_bins=15))
        assert expected_calibration_error(log_probs, targets) == pytest.approx(theirs, abs=1e-7)

    def test_do_not_depend_on_the_order_even_where_confidences_tie(self) -> None:
        log_probs = torch.tensor([[0.9, 0.1]] * 5 + [[0.6, 0.4]] * 4).log()
        targets = torch.tensor([0, 0, 1, 0, 1, 1, 0, 1, 0])
        for seed in range(5):
            order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
            for error in (expected_calibration_error, adaptive_calibration_error, brier_score):
                assert error(log_probs[order], targets[order]) == pytest.approx(error(log_probs, targets))

    def test_bins_of_equal_mass_hold_as_many(self) -> None:
        """Every other unit right at a confidence that rises: each bin of two has the same accuracy."""
        confidence = torch.linspace(0.6, 0.9, 20, dtype=torch.float64)
        log_probs = torch.stack([confidence, 1 - confidence], 1).log()
        targets = torch.tensor([0, 1] * 10)
        expected = sum(abs(0.5 - float(pair.mean())) for pair in confidence.reshape(10, 2)) / 10
        assert adaptive_calibration_error(log_probs, targets, 10) == pytest.approx(expected)

    def test_a_sharpened_model_is_worse_than_a_calibrated_one(self) -> None:
        good, bad = some(5000, scale=1.0), some(5000, scale=3.0)
        for error in (expected_calibration_error, adaptive_calibration_error, brier_score):
            assert error(*good) < error(*bad)

    def test_certainty_that_is_right_is_no_error(self) -> None:
        log_probs = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).log()
        for targets, wrong in ((torch.tensor([0, 1]), 0.0), (torch.tensor([1, 0]), 1.0)):
            assert expected_calibration_error(log_probs, targets) == wrong
            assert adaptive_calibration_error(log_probs, targets) == wrong
            assert brier_score(log_probs, targets) == 2 * wrong
            assert reliability_table(log_probs, targets).count[-1] == 2  # a confidence of 1 is in the last bin

    def test_half_precision_is_taken(self) -> None:
        log_probs, targets = some(50)
        assert brier_score(log_probs.half(), targets) == pytest.approx(brier_score(log_probs, targets), abs=1e-2)


class TestTable:
    @given(said(), st.integers(1, 16))
    def test_is_its_slow_twin_and_sums_to_the_error(self, case: tuple[Tensor, Tensor], bins: int) -> None:
        log_probs, targets = case
        found = reliability_table(log_probs, targets, bins)
        full = [b for b in range(bins) if found.count[b]]
        expected = slow.table(probs(log_probs), targets.tolist(), bins)
        assert len(found.edges) == bins + 1
        assert len(full) == len(expected)
        for b, row in zip(full, expected, strict=True):
            assert (found.count[b], found.confidence[b], found.accuracy[b]) == pytest.approx(row)
            low, high = found.low[b], found.high[b]
            assert low is not None
            assert high is not None
            assert 0 <= low <= (found.accuracy[b] or 0) + 1e-12
            assert (found.accuracy[b] or 0) <= high + 1e-12 <= 1 + 1e-11
        empty = [found.accuracy[b] for b in range(bins) if b not in full]
        assert set(empty) <= {None}
        gaps = sum(found.count[b] * abs((found.accuracy[b] or 0) - (found.confidence[b] or 0)) for b in full)
        assert gaps / len(targets) == pytest.approx(expected_calibration_error(log_probs, targets, bins))


@pytest.mark.usefixtures("as_users_run")
class TestRefusals:
    good = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()

    @pytest.mark.parametrize(
        "function",
        [fit_temperature, expected_calibration_error, adaptive_calibration_error, brier_score, reliability_table],
    )
    def test_targets_that_do_not_fit(self, function: Callable[..., object]) -> None:
        for targets in ([0], [0, 2], [-1, 0]):
            with pytest.raises(LabelError):
                function(self.good, torch.tensor(targets))
        with pytest.raises(LabelError):
            function(self.good[:0], torch.tensor([], dtype=torch.long))
        with pytest.raises(DrawsError):
            function(self.good * math.nan, torch.tensor([0, 0]))

    def test_what_is_not_log_probabilities(self) -> None:
        for function in (expected_calibration_error, adaptive_calibration_error, brier_score, reliability_table):
            with pytest.raises(DrawsError):
                function(torch.zeros(2, 2), torch.tensor([0, 0]))
        with pytest.raises(DrawsError):
            classwise_calibration_error(torch.zeros(2, 2), torch.tensor([0, 0]))
        with pytest.raises(DrawsError):
            expected_calibration_error(self.good, torch.tensor([0, 0]), bins=0)
