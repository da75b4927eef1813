"""An `askance.toml` that is no file, cannot be read, or says what cannot be: told by all that read or edit it."""

import os
import stat

import pytest

from askance.loop.settings import check_config, edit_classes, edit_config, kept_settings, read_config, write_config
from askance.vocab import ConfigError
from askance.vocab.config import Config, PoolConfig

RIGHT = 'classes = ["a", "b"]\n[pool]\nsource = "p"\n'


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def a_broken_link(path):
    path.symlink_to(path.with_name("nowhere"))


def a_huge_file(path):
    path.touch()
    os.truncate(path, 1 << 40)


def no_utf8(path):
    path.write_bytes(RIGHT.replace("p", "p\xe9").encode("latin-1"))


def utf16(path):
    path.write_text(RIGHT, encoding="utf-16")


def deep(path):
    path.write_text("a = " + "[" * 100_000)


def deep_inline(path):
    path.write_text("a = " + "{b=" * 50_000)


def long_number(path):
    path.write_text("seed = " + "9" * 5000 + "\n" + RIGHT)


def half(path):
    path.write_text(RIGHT[:-4])


def looks_at(path):
    return (
        lambda: read_config(path),
        lambda: edit_config(path, {"seed": 1}),
        lambda: edit_classes(path, ["a"], "c"),
    )


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_folder, "which is a folder"),
        (a_pipe, "a pipe or a device"),
        (a_broken_link, "a project: a folder with askance.toml"),
        (a_huge_file, "a TOML file of at most"),
        (no_utf8, "save it as UTF-8"),
        (utf16, "a TOML file"),
        (deep, "a TOML file"),
        (deep_inline, "a TOML file"),
        (long_number, "a TOML file"),
        (half, "a TOML file"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_told_by_all_that_read_it(tmp_path, make, told):
    path = tmp_path / "askance.toml"
    make(path)
    for look in looks_at(path):
        with pytest.raises(ConfigError, match=told):
            look()


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_one_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "askance.toml"
    path.write_text(RIGHT)
    path.chmod(0)
    with pytest.raises(ConfigError, match="chmod u\\+r"):
        read_config(path)


def test_the_error_of_the_system_is_told(tmp_path, monkeypatch):
    path = tmp_path / "askance.toml"
    path.write_text(RIGHT)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", denied)
    with pytest.raises(ConfigError, match=r"Permission denied(.|\n)*chmod u\+r"):
        read_config(path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "askance.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RIGHT.encode())
    assert read_config(path).classes == ("a", "b")
    assert edit_config(path, {"seed": 4}).seed == read_config(path).seed == 4


@pytest.mark.parametrize(
    "line",
    [
        "train.trunk_learning_rate = inf", "strategy.beta = inf", "strategy.beta = nan", "model.mean = nan",
        "model.std = inf", "model.std = -1.0", "model.mean = [0.1, nan, 0.1]", "model.dropout = nan",
        "train.weight_decay = [nan]", "train.weight_decay = [-1.0]", "train.learning_rate = -0.1",
        "train.learning_rate = [0.1, nan]", "model.options = {a = nan}", "seed = -1", "seed = 1.5",
        "strategy.draws = -3", "strategy.batch = 0", "model.size = 1000000000", "strategy.draws = 1000000000",
        "pool.max_pixels = -1", 'model = "gal-cnn"', "pool.source = 3", "classes = 'abc'", "classes = [1]",
        "store = 5", "store = ['postgresql://me:hunter22@db/cats']", "train = []", "model.size = 1979-05-27",
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_named(line):
    import tomllib

    raw = {"pool": {"source": "p"}}
    for key, value in tomllib.loads(line).items():
        raw[key] = {**raw.get(key, {}), **value} if isinstance(value, dict) else value
    with pytest.raises(ConfigError) as error:
        check_config(raw, "askance.toml")
    assert error.value.wanted.startswith(line.split(" =")[0])
    assert "hunter22" not in str(error.value)


def test_a_value_that_is_refused_is_not_shown_at_length():
    with pytest.raises(ConfigError) as error:
        check_config({"pool": {"source": ["x" * 10_000]}}, "askance.toml")
    assert len(error.value.got) < 250
    assert "(10,004 characters)" in error.value.got


def test_a_password_is_kept_in_the_settings_file_alone_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "askance.toml"
    url = "postgresql://me:hunter22@db/cats"
    secret = Config(store=url, pool=PoolConfig(source="https://me:hunter22@host/list.csv"))
    write_config(path, secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    edit_config(path, {"seed": 2})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_config(path).store == url
    assert "hunter22" not in repr(kept_settings(secret))
    assert kept_settings(secret)["store"] == "postgresql://me:***@db/cats"


def test_settings_without_a_password_are_kept_as_they_are():
    for store in (None, "sqlite:///labels.db", "postgresql://me@db/cats"):
        config = Config(store=store, pool=PoolConfig(source="s3://bucket/a@2x"))
        assert kept_settings(config) == config.model_dump(mode="json")
