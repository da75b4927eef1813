"""Files of a hub: from a cache laid out as its own, from a hub on this machine, or two lines that get them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import try_to_load_from_cache
from safetensors.numpy import save_file

from askance.networks import HubFile, cached, fetched
from askance.networks.hub import cache_folder, fault_of
from askance.vocab import ModelError, WeightsMissing
from tests.hub import COMMIT, Answer, hub, keep

FILE = HubFile("timm/tiny.of_ours")


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_file({"a": np.zeros(1000, np.float32)}, path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


def test_the_cache_is_where_the_hubs_own_variables_say():
    home = Path("~").expanduser()
    assert cache_folder({}) == home / ".cache/huggingface/hub"
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/huggingface/hub")
    assert cache_folder({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/h/hub")
    assert cache_folder({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}) == Path("/c")


def test_a_cached_file_is_found_where_the_hubs_library_finds_it(cache, weights):
    assert cached(FILE) is None
    kept = keep(cache, FILE.repo, weights)
    assert cached(FILE) == kept
    assert str(kept) == try_to_load_from_cache(FILE.repo, FILE.name, cache_dir=cache)
    assert fetched(FILE, "the weights of tiny") == kept
    assert cached(HubFile(f"{FILE.repo}@{COMMIT}")) == kept
    assert cached(HubFile(FILE.repo, "other.safetensors")) is None
    kept.resolve().unlink()  # a link that leads nowhere is no file
    assert cached(FILE) is None


def test_offline_and_not_in_the_cache_says_how_to_get_it_in_two_lines(cache):
    with pytest.raises(WeightsMissing) as caught:
        fetched(FILE, "the weights of tiny")
    assert "offline mode (HF_HUB_OFFLINE)" in caught.value.got
    assert str(cache) in caught.value.got
    first, second = caught.value.fix.splitlines()
    assert "hf download timm/tiny.of_ours model.safetensors" in first
    assert "--weights tiny.of_ours/model.safetensors" in second
    assert 'under [model] in askance.toml: weights = "' in second


def as_(content):
    return lambda path, whole: path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path, whole: path.write_bytes(whole[: len(whole) // 2]), r"half a file: 2,0\d\d of 4,0\d\d bytes"),
        (lambda path, whole: path.write_bytes(whole[:40]), "half a file: 40 of "),
        (as_(b"<!DOCTYPE html><html>502 Bad Gateway</html>"), "an error page"),
        (as_(b"\n  <html>Sign in"), "an error page"),
        (as_(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git-lfs pointer"),
        (as_(b""), "an empty file"),
        (as_(b"PK\x03\x04 and so on, as a pickle of torch"), "not a safetensors file"),
        (as_(b"\x05\0\0\0\0\0\0\0{{{{{"), "its header cannot be read"),
    ],
)
def test_what_is_wrong_with_a_cached_file_is_told_apart(cache, weights, spoil, said):
    kept = keep(cache, FILE.repo, weights)
    assert fault_of(kept) is None
    spoil(kept.resolve(), weights.read_bytes())
    with pytest.raises(WeightsMissing, match=said) as caught:
        fetched(FILE, "the weights of tiny")
    assert "--force-download" in caught.value.fix
    assert str(kept) in caught.value.got


PROGRAM = """
import json, sys, time
from askance.networks import HubFile, fetched
from askance.vocab import WeightsMissing
began = time.monotonic()
try:
    print(json.dumps({"path": str(fetched(HubFile("timm/tiny.of_ours"), "the weights of tiny"))}))
except WeightsMissing as error:
    print(json.dumps({"got": error.got, "fix": error.fix, "seconds": time.monotonic() - began}))
"""


def ask(cache, endpoint):
    """What a process of its own is told: the hub's library reads its variables when it is imported."""
    closed = ("offline", "proxy")
    given = {key: value for key, value in os.environ.items() if not any(word in key.lower() for word in closed)}
    given |= {"HF_HUB_CACHE": str(cache), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env=given, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_file_that_is_not_there_yet_is_fetched_into_the_cache_once(cache, weights):
    answer = Answer(weights.read_bytes(), "whole")
    with hub(answer) as address:
        path = ask(cache, address)["path"]
        assert Path(path).read_bytes() == weights.read_bytes()
        assert Path(path) == cached(FILE)
        asked = answer.asked
        assert ask(cache, address)["path"] == path
        assert answer.asked == asked


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("page", "not as a hub does: an error page"),
        ("half", "half a file came from"),
        ("gone", "no repository timm/tiny.of_ours"),
        ("gated", "is gated"),
        ("no file", "no file model.safetensors in timm/tiny.of_ours"),
    ],
)
def test_what_a_hub_does_wrong_is_told_apart(cache, weights, way, said):
    with hub(Answer(weights.read_bytes(), way)) as address:
        told = ask(cache, address)
    assert re.search(said, told["got"]), told
    assert len(told["fix"].splitlines()) == 2
    assert cached(FILE) is None  # nothing half is left for the next run to trip over


def test_a_hub_that_is_away_is_said_at_once(cache):
    with hub(Answer(b"", "whole")) as address:
        pass
    told = ask(cache, address)
    assert "no answer from http://127.0.0.1" in told["got"]
    assert "not in the hub's cache" in told["got"]
    assert told["seconds"] < 5


def test_missing_weights_are_a_fault_of_the_model():
    assert issubclass(WeightsMissing, ModelError)
