"""Every script of examples/ runs, gives what its page says, and is shown on a page."""

import sys
from importlib import import_module

import numpy as np
import pytest
import torch

import askance as ak
from tools.rules import ROOT

FOLDER = ROOT / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def script(monkeypatch, request):
    """The module of a script, imported as if run; what it enters in the catalogues goes again."""
    monkeypatch.syspath_prepend(FOLDER)
    before = [dict(catalogue._entries) for catalogue in (ak.acquisitions, ak.selections)]
    for name in SCRIPTS:
        sys.modules.pop(name, None)
    yield import_module
    for catalogue, entries in zip((ak.acquisitions, ak.selections), before, strict=True):
        catalogue._entries.clear()
        catalogue._entries.update(entries)


def test_own_network(script, capsys):
    picks = script("own_network").main()
    assert len(set(picks.ids)) == 5
    assert "Draws(N=100, K=50, C=10, joint)" in capsys.readouterr().out


def test_own_data(script, capsys):
    from_array, from_loader, from_dicts, from_votes = script("own_data").main()
    assert torch.equal(from_array.log_probs, from_loader.log_probs)
    torch.testing.assert_close(from_dicts.log_probs, from_array[:50].log_probs)
    assert (len(from_votes), from_votes.k, from_votes.c) == (50, 3, 10)


def test_own_score(script, capsys):
    assert script("own_score").main().tolist() == pytest.approx([0.01, 0.47])
    assert ak.acquisitions["second-guess"].summary.startswith("The mean probability of the second-best class")


def test_own_selection(script, capsys):
    module = script("own_selection")
    assert module.main().ids == (0, 3)
    picks = ak.select("one-of-each", scores=[np.nan, 1.0], groups=["a", "b"], n=2, seed=0)
    assert picks.ids == (1,)


def test_own_simulation(script, capsys, tmp_path):
    curves = script("own_simulation").main(str(tmp_path), seeds=1)
    assert [curve.labels for curve in curves] == [(10, 20, 30, 40)] * 3
    assert all(curve.metrics["error"][-1] < curve.metrics["error"][0] + 0.05 < 0.6 for curve in curves)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_sklearn_task(script, capsys, tmp_path):
    curves = script("sklearn_task").main(str(tmp_path), seeds=1)
    assert [curve.labels[-1] for curve in curves] == [60] * 3
    assert max(curve.metrics["error"][-1] for curve in curves) < 0.2 < curves[0].metrics["error"][0]


def test_every_script_is_tested_and_shown_on_a_page():
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "guide").glob("*.md"))
    for name in SCRIPTS:
        assert f"def test_{name}(" in (ROOT / "tests/examples/test_examples.py").read_text()
        assert f'--8<-- "examples/{name}.py"' in pages
