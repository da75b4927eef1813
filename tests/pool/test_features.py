"""FeatureCache: what is appended is read back, whatever order, whatever kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askance.pool import FeatureCache, content_id
from askance.vocab import ModelError, PoolError


def names(n: int, start: int = 0) -> list[str]:
    return [content_id(str(i).encode()) for i in range(start, start + n)]


def rows(n: int, dim: int = 3, start: int = 0) -> np.ndarray:
    return (np.arange(start * dim, (start + n) * dim).reshape(n, dim) % 2048).astype(np.float32)


def test_rows_come_back_in_the_order_asked_for(tmp_path):
    cache, ids = FeatureCache(tmp_path / "f", 3), names(7)
    cache.append(ids[:4], rows(4))
    cache.append(ids[4:], rows(3, start=4))
    asked = [5, 0, 6, 6, 2]
    got = cache.read([ids[i] for i in asked])
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, rows(7)[asked])
    assert len(cache) == 7
    assert cache.ids == ids
    assert cache.missing([*names(2, 100), ids[3], "another name"]) == [0, 1, 3]
    assert cache.read([]).shape == (0, 3)
    assert cache.missing([]) == []


def test_it_opens_again(tmp_path):
    FeatureCache(tmp_path, 3).append(names(5), rows(5))
    again = FeatureCache(tmp_path, 3)
    np.testing.assert_array_equal(again.read(names(5)[::-1]), rows(5)[::-1])


def test_first_row_of_an_id_stays(tmp_path):
    cache, (a, b) = FeatureCache(tmp_path, 3), names(2)
    cache.append([a, b, a], rows(3))
    cache.append([b, a], rows(2, start=9))
    assert cache.ids == [a, b]
    np.testing.assert_array_equal(cache.read([a, b]), rows(2))


def test_any_line_is_an_id_and_cases_differ(tmp_path):
    ids = ["mnist/1", "mnist/2", "é ü", "A" * 32, "a" * 32, "0" * 32, " " * 32]
    FeatureCache(tmp_path, 3).append(ids, rows(7))
    cache = FeatureCache(tmp_path, 3)
    assert cache.ids == ids
    np.testing.assert_array_equal(cache.read(ids), rows(7))
    for wrong in ("", "two\nlines", "two\x85lines"):
        with pytest.raises(PoolError, match="ids of one line"):
            cache.append([wrong], rows(1))


@pytest.mark.parametrize("file", ["rows.f2", "ids.txt"])
def test_a_kill_at_any_byte_leaves_a_cache_that_goes_on(tmp_path, file):
    """Cut each file at every byte: whole rows stay, the torn one goes, and appending gives all again."""
    ids, dim = names(6), 3
    whole = tmp_path / "whole"
    FeatureCache(whole, dim).append(ids, rows(6))
    content = {path.name: path.read_bytes() for path in whole.iterdir()}
    row = {"rows.f2": 2 * dim, "ids.txt": 33}[file]
    for kept in range(len(content[file]) + 1):
        folder = tmp_path / f"{kept}"
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data[:kept] if name == file else data)
        cache = FeatureCache(folder, dim)
        survivors = kept // row
        assert len(cache) == survivors
        assert cache.ids == ids[:survivors]
        np.testing.assert_array_equal(cache.read(ids[:survivors]), rows(survivors))
        assert cache.missing(ids) == list(range(survivors, 6))
        cache.append(ids, rows(6))
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == content


def test_a_writer_that_is_killed_loses_at_most_what_it_was_writing(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from askance.pool import FeatureCache\n"
        "cache = FeatureCache(sys.argv[1], 64)\n"
        "i = 0\n"
        "while True:\n"
        "    cache.append([f'{i + j}' for j in range(8)], np.full((8, 64), i % 1000, np.float32))\n"
        "    i += 8\n"
        "    print(i, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    told = 0
    while told < 400:
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.communicate()[0].split()
    told = int(rest[-1]) if rest else told
    cache = FeatureCache(tmp_path, 64)  # the lock of the dead is free
    assert len(cache) >= told
    assert cache.ids == [str(i) for i in range(len(cache))]
    np.testing.assert_array_equal(cache.read(cache.ids)[:, 5], [i // 8 * 8 % 1000 for i in range(len(cache))])


def test_two_writers_of_one_folder_see_each_other(tmp_path):
    one, two = FeatureCache(tmp_path, 3), FeatureCache(tmp_path, 3)
    ids = names(6)
    one.append(ids[:4], rows(4))
    two.append(ids[2:], rows(4, start=2))
    assert one.missing(ids) == []
    assert one.ids == two.ids == ids
    np.testing.assert_array_equal(one.read(ids), rows(6))


def test_a_reader_finds_what_another_has_just_written(tmp_path):
    reader, writer = FeatureCache(tmp_path, 3), FeatureCache(tmp_path, 3)
    writer.append(names(2), rows(2))
    np.testing.assert_array_equal(reader.read(names(2)), rows(2))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[0, 1, np.nan]], "NaN or infinity"),
        ([[0, -np.inf, 1]], "NaN or infinity"),
        ([[0, 1, 70_000.0]], "70000"),
        ([[0, 1, -65_520.0]], "65520"),
        ([[0, 1]], r"rows \[1, 2\]"),
        ([0, 1, 2], r"rows \[3\]"),
    ],
)
def test_rows_that_cannot_be_kept_are_refused(tmp_path, values, said):
    cache = FeatureCache(tmp_path, 3)
    with pytest.raises(ModelError, match=said):
        cache.append(names(1), np.array(values, np.float64))
    assert len(cache) == 0
    cache.append(names(1), np.array([[65_504.0, -65_504.0, 65_519.0]]))  # the last rounds down
    np.testing.assert_array_equal(cache.read(names(1)), [[65_504, -65_504, 65_504]])


def test_a_cache_of_another_width_is_not_opened(tmp_path):
    FeatureCache(tmp_path, 3)
    with pytest.raises(PoolError, match="'dim': 3"):
        FeatureCache(tmp_path, 4)
    (tmp_path / "meta.json").write_text('{"version": 2, "dim": 3, "dtype": "<f2"}')
    with pytest.raises(PoolError, match=f"delete {tmp_path}"):
        FeatureCache(tmp_path, 3)


DAMAGED = [
    "",
    "{",
    "[]",
    "{}",
    '{"version": 1, "dom": 3, "dtype": "<f2"}',
    '{"version": 1, "dim": "x", "dtype": "<f2"}',
]


@pytest.mark.parametrize("meta", [*DAMAGED, '{"version": 1, "dim": 7, "dtype": "<f2"}', None])
def test_a_damaged_meta_is_written_again_where_digests_say_that_the_rows_are_whole(tmp_path, meta, caplog):
    FeatureCache(tmp_path, 3).append(names(5), rows(5))
    path = tmp_path / "meta.json"
    whole = path.read_bytes()
    path.unlink() if meta is None else path.write_text(meta)
    again = FeatureCache(tmp_path, 3)
    np.testing.assert_array_equal(again.read(names(5)), rows(5))
    assert path.read_bytes() == whole
    assert f"{path} is damaged" in caplog.text
    assert "stay" in caplog.text


@pytest.mark.parametrize("meta", DAMAGED)
def test_a_damaged_meta_of_rows_that_nothing_vouches_for_is_a_cache_begun_anew(tmp_path, meta, caplog):
    FeatureCache(tmp_path, 4).append(names(5), rows(5, dim=4))
    (tmp_path / "sums.u8").unlink()
    (tmp_path / "meta.json").write_text(meta)
    cache = FeatureCache(tmp_path, 3)
    assert cache.missing(names(5)) == [0, 1, 2, 3, 4]
    assert "computed anew" in caplog.text
    cache.append(names(5), rows(5))
    np.testing.assert_array_equal(FeatureCache(tmp_path, 3).read(names(5)), rows(5))


def test_a_meta_that_was_being_written_is_written_again(tmp_path):
    (tmp_path / "meta.new").write_text('{"ver')  # as earlier versions named it
    FeatureCache(tmp_path, 3).append(names(1), rows(1))
    assert len(FeatureCache(tmp_path, 3)) == 1
    assert not (tmp_path / "meta.new").exists()


def test_an_id_without_a_row_is_named(tmp_path):
    cache = FeatureCache(tmp_path, 3)
    with pytest.raises(PoolError, match="1 without, nobody first"):
        cache.read(["nobody"])


def test_a_cache_cut_under_a_reader_is_said_and_not_invented(tmp_path):
    cache = FeatureCache(tmp_path, 3)
    cache.append(names(4), rows(4))
    os.truncate(tmp_path / "rows.f2", 7)
    with pytest.raises(PoolError, match="shrunk"):
        cache.read(names(4))
    with pytest.raises(PoolError, match="shrunk"):
        cache.append(names(9), rows(9))


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 6000), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
def test_scattered_reads_equal_a_plain_lookup(tmp_path_factory, sizes, seed, share):
    """Against the obvious twin, a dictionary: over index merges, gaps, repeats and any order."""
    rng, total = np.random.default_rng(seed), sum(sizes)
    values, ids = rng.normal(size=(total, 2)).astype(np.float16), [f"{seed}-{i}" for i in range(total)]
    cache, start = FeatureCache(Path(tmp_path_factory.mktemp("f")), 2), 0
    for size in sizes:
        cache.append(ids[start : start + size], values[start : start + size])
        start += size
    twin = dict(zip(ids, values, strict=True))
    asked = [ids[i] for i in rng.permutation(total)[: int(total * share)]]
    asked += asked[:3]
    expected = np.array([twin[name] for name in asked], np.float16).reshape(-1, 2)
    np.testing.assert_array_equal(cache.read(asked), expected)
    assert cache.missing([*asked, "none"]) == [len(asked)]


def test_long_runs_and_wide_gaps_are_read_right(tmp_path, monkeypatch):
    """With blocks and gaps made tiny, every branch of the coalescing is walked."""
    monkeypatch.setattr("askance.pool.features._BLOCK", 30)
    monkeypatch.setattr("askance.pool.features._GAP", 12)
    cache, ids = FeatureCache(tmp_path, 3), names(50)
    cache.append(ids, rows(50))
    asked = [0, 1, 2, 3, 4, 5, 6, 9, 10, 30, 33, 34, 34, 49]
    np.testing.assert_array_equal(cache.read([ids[i] for i in asked]), rows(50)[asked])
