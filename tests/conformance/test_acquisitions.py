"""What every acquisition of the catalogue must be: entering the catalogue is entering these tests.

Letters: N units, K draws, C classes.
"""

import inspect
import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from askance.acquisition import acquisitions, score
from askance.maths import ABOUT, Aggregation, Draws, Units, aggregate, sums
from tests.reference.acquisitions import TWINS, of_images

BOUNDS: dict[str, Callable[[int, int], tuple[float, float]]] = {
    "random": lambda k, c: (0, 1),
    "novelty": lambda k, c: (-math.inf, math.inf),
    "bald": lambda k, c: (0, math.log(min(k, c))),
    "bernoulli-bald": lambda k, c: (0, (c - 1) * math.log(2) if k > 1 else 0),
    "epig": lambda k, c: (0, math.log(min(k, c))),
    "expected-entropy": lambda k, c: (0, math.log(c)),
    "predictive-entropy": lambda k, c: (0, math.log(c)),
    "variation-ratios": lambda k, c: (0, 1 - 1 / c),
    "mean-std": lambda k, c: (0, math.sqrt(c - 1) / c),
    "margin": lambda k, c: (0, min(1, c - 1)),
    "least-confidence": lambda k, c: (0, 1 - 1 / c),
}
"""Of K draws over C classes; a new entry states its own here."""

ABOUT_THE_MODEL = {"bald", "bernoulli-bald", "epig", "mean-std"}
"""Those that ask about the model alone: nothing is to be learned where all draws agree."""

OF_DRAWS = [entry.name for entry in acquisitions if "draws" in entry.needs and not entry.needs & ABOUT.keys()]

NOTHING_LAST = {"bernoulli-bald"}
"""Those for which the last class is nothing, and no class like the others."""

ALONE = {"novelty", "random"} | {entry.name for entry in acquisitions if entry.needs & ABOUT.keys()}
"""Not of draws alone: they have tests of their own; those of boxes are in `test_box_scores`."""

SHAPES = [(6, 20, 10), (9, 1, 5), (5, 7, 1), (1, 3, 2), (3, 4, 200)]

NEEDS = inspect.signature(score).parameters.keys() - {"name"}
"""What the one door can bring."""

every = pytest.mark.parametrize("name", OF_DRAWS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def example(shape: tuple[int, int, int], scale: float = 2.0) -> Draws:
    """Draws of random logits, float64."""
    generator = torch.Generator().manual_seed(sum(shape))
    return Draws.from_logits(scale * torch.randn(shape, generator=generator, dtype=torch.float64), joint=True)


@st.composite
def any_draws(draw: st.DrawFn) -> Draws:
    """Any draws, also with exact zeros and exact ties."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)))
    logits = draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0]) | st.floats(-60, 60)))
    possible = draw(arrays(np.bool_, shape))
    possible[..., 0] |= ~possible.any(-1)
    return Draws.from_logits(torch.from_numpy(np.where(possible, logits, -np.inf)), joint=True)


@st.composite
def any_logits(draw: st.DrawFn) -> torch.Tensor:
    """Logits in eighths, so that no shift and no narrow float makes two of them equal that are not."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)))
    eighths = draw(arrays(np.int64, shape, elements=st.integers(-160, 160) | st.sampled_from([0, 8])))
    return torch.from_numpy(eighths / 8)


def targets_of(draws: Draws) -> Draws:
    """Others under the same K networks, with the same zeros and ties: the last unit first, classes turned."""
    return Draws(draws.log_probs.flip(0).roll(1, -1), joint=True)


def scored(name: str, draws: Draws, targets: Draws | None = None) -> torch.Tensor:
    """The scores, with targets for those that need them."""
    if "targets" in acquisitions[name].needs:
        return score(name, draws=draws, targets=targets_of(draws) if targets is None else targets)
    return score(name, draws=draws)


def twin(name: str, draws: Draws) -> list[float]:
    """The same, slowly."""
    needed = [targets_of(draws).log_probs.tolist()] if "targets" in acquisitions[name].needs else []
    return [TWINS[name](unit, *needed) for unit in draws.log_probs.tolist()]


def close(got: torch.Tensor, due: torch.Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(got, due, atol=atol, rtol=0)


def test_every_entry_is_held_to_something():
    assert set(BOUNDS) == {*OF_DRAWS, "novelty", "random"}
    assert set(TWINS) == set(OF_DRAWS)
    assert set(acquisitions.names()) - set(OF_DRAWS) == ALONE
    assert {need for entry in acquisitions for need in entry.needs} <= {*NEEDS, *ABOUT}
    assert all(entry.summary.endswith(".") for entry in acquisitions)


@every
@settings(max_examples=40)
@given(draws=any_draws())
def test_equals_its_slow_twin(name: str, draws: Draws):
    close(scored(name, draws), torch.tensor(twin(name, draws), dtype=torch.float64))


@every
@every_shape
def test_equals_its_slow_twin_in_every_shape(name: str, shape: tuple[int, int, int]):
    draws = example(shape)
    close(scored(name, draws), torch.tensor(twin(name, draws), dtype=torch.float64))


@every
@settings(max_examples=40)
@given(draws=any_draws())
def test_stays_within_its_bounds(name: str, draws: Draws):
    low, high = BOUNDS[name](draws.k, draws.c)
    scores = scored(name, draws)
    assert scores.dtype == torch.float64
    assert scores.shape == (len(draws),)
    assert bool((scores >= low).all())
    assert bool((scores <= high + 1e-12).all())


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_rounded_draws_stay_at_or_above_zero(name: str, dtype: torch.dtype):
    """Narrow draws sum to one only nearly; a selection that takes logarithms must not meet -1e-4."""
    for scale in (0.1, 2.0, 20.0):
        draws = Draws(example((64, 5, 10), scale).log_probs.to(dtype), joint=True)
        assert bool((scored(name, draws) >= 0).all())


@every
@pytest.mark.parametrize("c", [2, 5, 1000])
def test_reaches_the_top_when_each_draw_is_sure_of_another_class(name: str, c: int):
    """Or, where draws are asked one by one, when each is a toss-up between all classes."""
    sure = torch.eye(c, dtype=torch.float64)[None]
    draws = Draws.from_probs(torch.full_like(sure, 1 / c) if name == "expected-entropy" else sure, joint=True)
    if name in NOTHING_LAST:  # half of the draws say yes to all, half to none
        all_or_none = torch.zeros(1, 2, c, dtype=torch.float64)
        all_or_none[0, 0, :-1], all_or_none[0, 1, -1] = 1 / (c - 1), 1
        draws = Draws.from_probs(all_or_none, joint=True)
    close(scored(name, draws), torch.tensor([float(BOUNDS[name](c, c)[1])], dtype=torch.float64))


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_is_exactly_zero_when_all_draws_are_sure_of_one_class(name: str, dtype: torch.dtype):
    one_hot = torch.nn.functional.one_hot(torch.tensor([[2, 2, 2]]), 4).to(dtype)
    assert scored(name, Draws.from_probs(one_hot, joint=True)).tolist() == [0.0]


@pytest.mark.parametrize("name", sorted(ABOUT_THE_MODEL))
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 2, 7, 100])
def test_nothing_to_learn_where_all_draws_agree(name: str, dtype: torch.dtype, k: int):
    one = example((8, 1, 10)).log_probs
    one[0, 0, 1:] = -torch.inf
    one = torch.log_softmax(one, -1).to(dtype)
    draws, others = Draws(one.expand(8, k, 10), joint=True), example((5, k, 10))
    assert scored(name, draws, others).tolist() == [0.0] * 8


@every
@pytest.mark.parametrize("size", [1, 2, 7])
def test_chunks_give_the_very_same_scores(name: str, size: int):
    draws = example((33, 13, 7))
    whole = scored(name, draws)
    parts = [scored(name, draws[i : i + size], targets_of(draws)) for i in range(0, 33, size)]
    assert torch.equal(torch.cat(parts), whole)


@every
@pytest.mark.parametrize("units", [1, 5, 32])
def test_inner_slices_give_the_very_same_scores(name: str, units: int, monkeypatch: pytest.MonkeyPatch):
    draws = example((33, 13, 7))
    whole = scored(name, draws)
    held = 13 * 7 if acquisitions[name].needs == {"draws"} else 7 * 33 * 7
    monkeypatch.setattr(sums, "_SLICE_BYTES", {"cpu": units * 8 * held})
    assert torch.equal(scored(name, draws), whole)


@every
def test_memory_layout_does_not_matter(name: str):
    draws = example((17, 13, 7))
    turned = draws.log_probs.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not turned.is_contiguous()
    assert torch.equal(scored(name, Draws(turned, joint=True)), scored(name, draws))


@every
@settings(max_examples=20)
@given(draws=any_draws(), cut=st.integers(0, 4), seed=st.integers(0, 99))
def test_neither_company_nor_order_changes_a_score(name: str, draws: Draws, cut: int, seed: int):
    """Bit for bit: in two chunks of any size, of which one may be empty, and in any order."""
    targets, whole = targets_of(draws), scored(name, draws)
    parts = [scored(name, part, targets) for part in (draws[:cut], draws[cut:])]
    assert torch.equal(torch.cat(parts), whole)
    order = torch.randperm(len(draws), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(scored(name, draws[order], targets), whole[order])


@every
@every_shape
def test_permuting_units_permutes_scores(name: str, shape: tuple[int, int, int]):
    draws = example(shape)
    order = torch.randperm(len(draws), generator=torch.Generator().manual_seed(0))
    assert torch.equal(scored(name, draws[order], targets_of(draws)), scored(name, draws)[order])


@every
@pytest.mark.parametrize("axis", [1, 2], ids=["draws", "classes"])
@settings(max_examples=20)
@given(draws=any_draws(), seed=st.integers(0, 99))
def test_permuting_draws_or_classes_changes_nothing(name: str, axis: int, draws: Draws, seed: int):
    size = draws.log_probs.shape[axis]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(size, generator=generator)
    if axis == 2 and name in NOTHING_LAST:
        order = torch.cat([torch.randperm(size - 1, generator=generator), torch.tensor([size - 1])])
    permuted, targets = (
        Draws(one.log_probs.index_select(axis, order), joint=True) for one in (draws, targets_of(draws))
    )
    close(scored(name, permuted, targets), scored(name, draws))


@every
def test_adding_to_all_logits_changes_nothing(name: str):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 20, 10, generator=generator, dtype=torch.float64)
    shift = 100 * torch.randn(6, 20, 1, generator=generator, dtype=torch.float64)
    close(
        scored(name, Draws.from_logits(logits + shift, joint=True)),
        scored(name, Draws.from_logits(logits, joint=True)),
    )


@every
@settings(max_examples=20)
@given(logits=any_logits(), shift=st.floats(-500, 500), seed=st.integers(0, 99))
def test_another_shift_for_each_unit_and_draw_changes_nothing(
    name: str, logits: torch.Tensor, shift: float, seed: int
):
    generator = torch.Generator().manual_seed(seed)
    shifts = shift * torch.rand(*logits.shape[:2], 1, generator=generator, dtype=torch.float64)
    shifted, plain = (Draws.from_logits(some, joint=True) for some in (logits + shifts, logits))
    close(scored(name, shifted), scored(name, plain), atol=1e-10)


@every
@settings(max_examples=20)
@given(logits=any_logits())
def test_float32_gives_nearly_the_same_scores_whatever_the_logits(name: str, logits: torch.Tensor):
    narrow, wide = (Draws.from_logits(some, joint=True) for some in (logits.float(), logits))
    close(scored(name, narrow), scored(name, wide), atol=1e-5)


@every
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-6), (torch.float16, 5e-3)])
def test_narrow_draws_give_nearly_the_same_scores(name: str, dtype: torch.dtype, atol: float):
    """With a clear winner in every draw, for no rounding changes who a draw votes for."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(40, 20, 10, generator=generator, dtype=torch.float64)
    logits += 0.5 * (logits == logits.amax(-1, keepdim=True))
    wide = Draws.from_logits(logits, joint=True)
    narrow = Draws(wide.log_probs.to(dtype), joint=True)
    close(scored(name, narrow), scored(name, wide), atol=atol)


@every
@every_shape
def test_an_empty_pool_has_no_scores(name: str, shape: tuple[int, int, int]):
    scores = scored(name, example(shape)[:0], example(shape))
    assert scores.shape == (0,)
    assert scores.dtype == torch.float64


@every
def test_the_draws_are_left_as_they_were(name: str):
    draws = example((6, 20, 10))
    targets = targets_of(draws)
    before = [one.log_probs.clone() for one in (draws, targets)]
    scored(name, draws, targets)
    assert torch.equal(draws.log_probs, before[0])
    assert torch.equal(targets.log_probs, before[1])


@every
def test_scores_hold_no_graph(name: str):
    logits = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert not scored(name, Draws.from_logits(logits, joint=True)).requires_grad


@every
@pytest.mark.parametrize("how", ["mean", "max", "top3-mean", "per-cost"])
def test_units_of_images_score_like_the_slow_twin_of_each_image(name: str, how: Aggregation):
    """Ragged boxes in no order: five images, of which two have none."""
    owners = [3, 0, 3, 0, 3, 2, 0, 3, 3]
    draws = example((len(owners), 11, 4))
    units = Units(draws, torch.tensor(owners), n_images=5)
    got = aggregate(scored(name, units.draws), units.image, units.n_images, how)
    due = of_images(twin(name, draws), owners, 5, how)
    assert due[1] == due[4] == 0
    close(got, torch.tensor(due, dtype=torch.float64))


@every
@pytest.mark.parametrize("how", ["mean", "max", "top3-mean"])
def test_images_that_are_their_own_units_keep_their_scores(name: str, how: Aggregation):
    units = Units.one_each(example((6, 20, 10)))
    scores = scored(name, units.draws)
    assert torch.equal(aggregate(scores, units.image, units.n_images, how), scores)


def test_random_belongs_to_the_id():
    ids = [f"image {i}" for i in range(500)]
    scores = score("random", ids=ids, seed=3)
    assert scores.dtype == torch.float64
    assert bool(((scores > 0) & (scores < 1)).all())
    assert torch.equal(score("random", ids=ids[::-1], seed=3), scores.flip(0))
    assert torch.equal(score("random", ids=ids[100:], seed=3), scores[100:])
    assert not torch.equal(score("random", ids=ids, seed=4), scores)
    assert score("random", ids=[], seed=3).shape == (0,)
