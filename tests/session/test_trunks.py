"""Pretrained weights in a project's life: trained from the cache, gone on without it, refused if never there."""

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from askance.session import Session
from askance.vocab import WeightsMissing
from tests.hub import keep

FAST = {"max_steps": 20, "min_steps": 5}


@pytest.fixture
def site(tmp_path, monkeypatch, shared_data):
    """Two kinds of picture, some of them labelled, and MobileNetV2 in the hub's cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    weights = shared_data / "weights" / "mobilenetv2_100_imagenet.safetensors"
    keep(tmp_path / "hub", "timm/mobilenetv2_100.ra_in1k", weights)
    (tmp_path / "pool").mkdir()
    generator = np.random.default_rng(0)
    rows = ["path,label"]
    for i in range(8):
        pixels = generator.integers(0, 60, (70, 70, 3), dtype=np.uint8) + 150 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pool" / f"{i}.png")
        rows.append(f"{i}.png,{['dark', 'bright'][i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows[:7]) + "\n")
    return tmp_path


def init(site, **more):
    settings = {"pool": {"source": str(site / "pool")}, "train": FAST, "model": {"size": 32, **more}}
    return Session.init(site / "project", settings, labels=site / "labels.csv")[0]


def test_a_project_goes_on_when_the_hubs_cache_has_gone(site):
    with init(site) as session:
        model = session.config.model
        assert (model.name, model.weights) == ("mobilenetv2_100.ra_in1k", "pretrained")
        session.train()
        first = load_file(session.project.round_folder(1) / "model.safetensors")
        (site / "hub").rename(site / "moved")
        changed = session.override("train", max_steps=25)
        assert changed.train().log["moves"] == "head"
        second = load_file(session.project.round_folder(1) / "model.safetensors")
        trunk = [name for name in first if name.startswith("trunk.")]
        assert trunk
        assert all((first[name] == second[name]).all() for name in trunk)
        kept = {path.name for path in (session.project.root / "features").iterdir()} - {"trunks"}
        assert len(kept) == 1  # the same features, computed once


def test_without_the_cache_one_trunk_serves_all_rounds(site):
    with init(site) as session:
        session.train()
        (site / "hub").rename(site / "moved")
        folder, found = session.project.root / "features" / "trunks", []
        for steps in (25, 30):
            session.pick(1)
            (pick,) = session.project.store.picks(session.project.last_round().number)
            name = session.project.store.images()[pick.image_id].uri.rpartition("/")[2]
            rows = site / f"answer-{steps}.csv"
            rows.write_text(f"path,label\n{name},{['dark', 'bright'][int(name[0]) % 2]}\n")
            session.import_labels(rows, "me")
            session.override("train", max_steps=steps).train()
            found.append({path.name for path in folder.glob("*.safetensors")})
        assert session.project.last_round().number == 3
        assert found[0] == found[1]


def test_weights_that_never_were_here_stop_training_and_say_how_to_get_them(site):
    with init(site) as session:
        (site / "hub").rename(site / "moved")
        with pytest.raises(WeightsMissing, match=r"hf download timm/mobilenetv2_100.ra_in1k model.safetensors"):
            session.train()


def test_a_trunk_that_training_moved_is_not_taken_for_the_pretrained_one(site):
    with init(site, train="all") as session:
        session.train()
        (site / "hub").rename(site / "moved")
        with pytest.raises(WeightsMissing):
            session.override("train", max_steps=25).train()
