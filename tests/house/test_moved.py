"""Modules that have moved are still found under the names they had."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from askance.moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_each_is_somewhere(old):
    assert find_spec(MOVED[old]) is not None


def test_an_old_name_is_the_module_itself_and_says_where_it_is_now():
    with pytest.warns(DeprecationWarning, match=r"askance.session.machine has moved to askance.studies.machine"):
        old = import_module("askance.session.machine")
    new = import_module("askance.studies.machine")
    assert old is new
    assert new.__name__ == new.__spec__.name == "askance.studies.machine"


def test_what_is_set_by_an_old_name_is_set():
    code = """
from askance.tasks.classification import data
from askance.session.papers.trashnet import trashnet
import askance.loop.experiment
data.IN_MEMORY = 1
from askance.networks import pixels
from askance.studies.papers.trashnet import trashnet as now
from askance.simulation.experiment import Experiment
assert pixels.IN_MEMORY == 1 and trashnet is now and askance.loop.experiment.Experiment is Experiment
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"askance\.loop\.nowhere"):
        import_module("askance.loop.nowhere")
