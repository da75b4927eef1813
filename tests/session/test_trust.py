"""A project that came from somebody else runs nothing of theirs until the person who opens it says that it may."""

import json
import sys

import pytest
import torch

from askance.session import Session
from askance.session.health import randomness
from askance.session.sound import check_project
from askance.session.trust import runs, trust, trusted_file
from askance.vocab import AskanceError, ConfigError
from askance.vocab.config import ModelConfig

NETWORK = """
import os, pathlib, torch
pathlib.Path(os.environ["RAN"]).touch()
def make(num_classes, **options):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(192, num_classes))
"""


@pytest.fixture
def theirs(site, tmp_path, monkeypatch):
    """A project written by hand that names a function in a module beside it; and the file that says it ran."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "their_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(folder)
    settings = {"model": {"name": "gal-cnn", "size": 8, "channels": 3}, "train": {"max_steps": 5, "min_steps": 5}}
    Session.init(folder, {**settings, "pool": {"source": str(site.pool)}, "classes": ["0", "1"]})[
        0
    ].project.close()
    said = (folder / "askance.toml").read_text()
    (folder / "askance.toml").write_text(said.replace('name = "gal-cnn"', 'name = "their_network:make"'))
    yield folder, tmp_path / "ran"
    sys.modules.pop("their_network", None)


def label(folder, site):
    with Session.open(folder) as session:
        session.scan()
        names = [name for name, value in site.truth.items() if value in "01"]
        session.import_labels(site.csv(site.known(names)), "anna")


def test_no_command_runs_what_a_strangers_settings_name(theirs, site):
    folder, ran = theirs
    label(folder, site)
    check_project(folder)
    with Session.open(folder) as session:
        session.status()
        for work in (session.train, session.task, lambda: session.pick(3), lambda: randomness(folder, {})):
            with pytest.raises(ConfigError, match="askance doctor --trust") as refused:
                work()
            assert "their_network:make" in refused.value.got
    assert not ran.exists()


def test_what_is_trusted_runs_and_other_words_or_another_folder_do_not(theirs, site, tmp_path):
    folder, ran = theirs
    label(folder, site)
    with Session.open(folder) as session:
        trust(session.project.root, session.config.model)
    assert trusted_file() == tmp_path / "config" / "askance" / "trusted.json"
    with Session.open(folder) as session:
        assert session.train().fresh
    assert ran.exists()
    settings = (folder / "askance.toml").read_text()
    (folder / "askance.toml").write_text(settings.replace("options = {}", 'options = {other = "words"}'))
    with Session.open(folder) as session, pytest.raises(ConfigError, match="whose code you trust"):
        session.task()
    (folder / "askance.toml").write_text(settings)
    moved = folder.rename(tmp_path / "moved")
    with Session.open(moved) as session, pytest.raises(ConfigError, match="whose code you trust"):
        session.task()
    with Session.open(moved, trust=True) as session:
        assert session.task() is not None


def test_who_makes_a_project_trusts_what_they_typed(theirs, site, tmp_path):
    settings = {"pool": {"source": str(site.pool)}, "classes": ["0", "1"], "model": {"name": "their_network:make"}}
    session, _, _ = Session.init(tmp_path / "mine", settings)
    with session:
        assert session.task() is not None
    kept = json.loads((tmp_path / "config" / "askance" / "trusted.json").read_text())
    assert list(kept) == [str((tmp_path / "mine").resolve())]


def test_a_user_without_a_place_for_it_is_told_and_goes_on(theirs, site, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("no folder")
    settings = {"pool": {"source": str(site.pool)}, "classes": ["0", "1"], "model": {"name": "their_network:make"}}
    session, _, _ = Session.init(tmp_path / "mine", settings)
    with session:
        assert any("asks again" in note for note in session.notes)
        assert session.task() is not None


@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        ("resnet18", {}, False),
        ("transformers/vit", {"trust_remote_code": False}, False),
        ("transformers/somebody/net", {"trust_remote_code": True}, True),
        ("transformers/somebody/net", {"trust_remote_code": "yes"}, True),
        ("resnet18", {"checkpoint_path": "weights.pth"}, True),
        ("torch.hub:load", {}, True),
    ],
)
def test_what_counts_as_code(name, options, asked):
    assert bool(runs(ModelConfig(name=name, options=options))) is asked


def test_a_variable_trusts_all(theirs, monkeypatch):
    folder, _ = theirs
    monkeypatch.setenv("ASKANCE_TRUST", "1")
    with Session.open(folder) as session:
        assert session.task() is not None


def test_a_pickle_for_weights_is_never_loaded(theirs, site, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save(Evil(), tmp_path / "weights.safetensors")
    settings = {
        "pool": {"source": str(site.pool)},
        "model": {"name": "gal-cnn", "size": 8, "channels": 1, "weights": str(tmp_path / "weights.safetensors")},
    }
    session, _, _ = Session.init(tmp_path / "mine", settings, labels=site.csv(site.known(sorted(site.truth)[:20])))
    with session, pytest.raises(AskanceError, match="a safetensors file"):
        session.train()
    assert not (tmp_path / "ran").exists()
