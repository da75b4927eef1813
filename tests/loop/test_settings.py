import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.loop.settings import check_config, edit_config, read_config, write_config
from askance.vocab import ConfigError
from askance.vocab.config import Config, ModelConfig, PoolConfig, TrainConfig


def test_a_written_configuration_reads_back(tmp_path):
    config = Config(
        classes=("PET", "HDPE"),
        pool=PoolConfig(source="photos"),
        model=ModelConfig(name="mobilenetv2_100", options={"pad_type": "same"}, train="all"),
        train=TrainConfig(weight_decay=(1.0, 2.0), learning_rate=(1e-3, 1e-4)),
    )
    write_config(tmp_path / "askance.toml", config)
    assert read_config(tmp_path / "askance.toml") == config


@given(st.text(min_size=1, max_size=30), st.lists(st.text(max_size=10), max_size=4, unique=True))
def test_any_text_survives(source, classes):
    from pathlib import Path
    from tempfile import TemporaryDirectory

    config = Config(classes=tuple(classes), pool=PoolConfig(source=source))
    with TemporaryDirectory() as folder:
        write_config(Path(folder) / "askance.toml", config)
        assert read_config(Path(folder) / "askance.toml") == config


def test_every_setting_stands_in_the_file_under_its_own_section(tmp_path):
    path = tmp_path / "askance.toml"
    write_config(path, Config(pool=PoolConfig(source="photos"), model=ModelConfig(options={"a": 1})))
    text = path.read_text()
    for line in text.splitlines():  # what is unset stands there as a comment; taking the # away must work
        if line.startswith("# ") and line.endswith("="):
            name = line[2:-2]
            raw = tomllib.loads(text.replace(line, f'{name} = "x"'))
            places = {"store": "", "subset": "strategy", "targets": "strategy", "beta": "strategy"}
            place = places.get(name, "train" if "rate" in name else "model")
            section = raw[place] if place else raw
            assert name in section


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"pool": {"source": "x"}, "modle": {}}, "did you mean model"),
        ({"pool": {"source": "x"}, "train": {"max_step": 3}}, "did you mean max_steps"),
        ({"pool": {"source": "x"}, "train": {"max_steps": 0}}, "train.max_steps"),
        ({"pool": {"source": "x"}, "train": {"start": "luke"}}, "scratch"),
        ({}, "pool"),
        ({"pool": {"source": "x"}, "strategy": {"zzz": 1}}, "known here: acquisition"),
    ],
)
def test_a_mistake_is_named_with_its_place(raw, says):
    with pytest.raises(ConfigError, match=says):
        check_config(raw, "askance.toml")


def test_not_toml_and_not_there(tmp_path):
    with pytest.raises(ConfigError, match="askance init"):
        read_config(tmp_path / "askance.toml")
    (tmp_path / "askance.toml").write_text("classes = [1, \n nonsense")
    with pytest.raises(ConfigError, match="a TOML file"):
        read_config(tmp_path / "askance.toml")


def test_an_edit_keeps_a_persons_comments(tmp_path):
    path = tmp_path / "askance.toml"
    write_config(path, Config(pool=PoolConfig(source="photos")))
    path.write_text(path.read_text() + "\n# my own remark\n")
    changed = edit_config(path, {"classes": ["a", "b"]})
    assert changed.classes == ("a", "b")
    assert read_config(path) == changed
    assert "# my own remark" in path.read_text()
