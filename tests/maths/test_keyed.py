"""Random numbers of an id: the same for ever, uniform, and independent of everything else."""

import numpy as np
import pytest
from scipy.stats import kstest

from askance.maths import keyed, keyed_seed, keyed_uniform

IDS = [f"{i:032x}" for i in range(5000)]


class Digest:
    """Stands in for a hash whose every bit is the same."""

    def __init__(self, byte: bytes) -> None:
        self.byte = byte

    def __call__(self, data: bytes, digest_size: int) -> "Digest":
        return self

    def digest(self) -> bytes:
        return 8 * self.byte


def test_numbers_are_the_same_in_every_release():
    assert keyed_uniform(["a", "b"], 0, "tie").tolist() == [0.02844865702122601, 0.6580516059243645]
    assert keyed_seed("dropout", 0, 1, "head.0") == 4453606380100918372


def test_a_number_belongs_to_its_id():
    numbers = keyed_uniform(IDS, 7, "doc")
    order = np.random.default_rng(0).permutation(5000)
    np.testing.assert_array_equal(keyed_uniform([IDS[i] for i in order], 7, "doc"), numbers[order])
    np.testing.assert_array_equal(keyed_uniform(IDS[123:], 7, "doc"), numbers[123:])


def test_numbers_are_uniform():
    assert kstest(keyed_uniform(IDS, 0, "doc"), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("seed", "purpose"), [(1, "doc"), (0, "tie"), (-1, "doc"), (2**70, "doc")])
def test_another_seed_or_purpose_gives_independent_numbers(seed: int, purpose: str):
    pair = np.stack([keyed_uniform(IDS, 0, "doc"), keyed_uniform(IDS, seed, purpose)])
    assert abs(np.corrcoef(pair)[0, 1]) < 4 / np.sqrt(len(IDS))
    assert len(np.unique(pair)) == 2 * len(IDS)


@pytest.mark.parametrize("byte", [b"\x00", b"\xff"])
def test_the_extremes_lie_inside_the_open_interval(byte: bytes, monkeypatch: pytest.MonkeyPatch):
    """So that log(-log(u)) is finite, whatever the hash."""
    monkeypatch.setattr(keyed, "blake2b", Digest(byte))
    (number,) = keyed_uniform(["a"], 0, "doc").tolist()
    assert 0 < number < 1
    assert np.isfinite(-np.log(-np.log(number)))


def test_words_do_not_run_together():
    assert keyed_uniform(["bc"], 0, "a") != keyed_uniform(["c"], 0, "ab")
    assert keyed_uniform(["1"], 1, "doc") != keyed_uniform([""], 11, "doc")
    assert keyed_seed("a", "b") != keyed_seed("a/b")
    assert keyed_seed("a") != keyed_seed("a", "")


def test_ids_of_any_script_and_none_at_all():
    assert keyed_uniform(["образ", "画像"], 0, "doc").shape == (2,)
    assert keyed_uniform([], 0, "doc").shape == (0,)


def test_seeds_fit_a_generator():
    seeds = [keyed_seed("doc", i) for i in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62
