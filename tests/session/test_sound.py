"""Bits that were turned in a project's files: the next round notices, and doctor names every file."""

import json
import os
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from askance.loop.tidying import left_by_kills
from askance.pool.sums import of_rows
from askance.session import Session
from askance.session.reporting import write_project_report
from askance.session.sound import check_project
from askance.session.soundness import notes_of
from askance.vocab import ModelError, StoreError
from tests.session.conftest import Site

HEAD = {"model": {"name": "gal-cnn", "size": 8, "channels": 1, "train": "head"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A round over cached features, trained and picked; closed."""
    folder, data = tmp_path_factory.mktemp("sound"), load_digits()
    (folder / "pool").mkdir()
    truth = {f"{i:03d}.png": str(data.target[i]) for i in range(60)}
    for i, name in enumerate(truth):
        Image.fromarray((data.images[i] * (255 / 16)).astype(np.uint8)).save(folder / "pool" / name)
    with Site(folder, folder / "pool", truth).init(**HEAD) as session:
        session.train()
        session.pick(5)
    return folder / "project"


@pytest.fixture
def project(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "project"))


def features(project: Path) -> Path:
    return next(path for path in (project / "features").iterdir() if path.name != "trunks")


def turned(path: Path, n: int, bit: int = 0x40) -> None:
    data = bytearray(path.read_bytes())
    for place in random.Random(1).sample(range(1, len(data), 2), n):
        data[place] ^= bit
    path.write_bytes(data)


def picked(project: Path, n: int) -> list[str]:
    with Session.open(project) as session:
        return [pick.image_id for pick in session.pick(n).picks]


def test_a_sound_project_has_nothing_to_tell(project):
    assert check_project(project) == []


@pytest.mark.parametrize("bit", [0x01, 0x40, 0x80])
def test_turned_bits_in_features_are_told_and_computed_anew(project, bit, caplog):
    right = picked(project, 9)
    (project / "rounds" / "0001" / "picks.json").unlink()
    turned(features(project) / "rows.f2", 400, bit)
    assert any("rows" in problem and "damaged" in problem for problem in check_project(project))
    assert picked(project, 8) == right[:8]
    assert "computed anew" in caplog.text
    told = " ".join(check_project(project))
    assert "10 of 60 rows" in told  # those of the test set, which no pick asks for
    assert "50 rows" in told
    assert "have been made anew" in told


def test_features_under_other_ids_are_computed_anew(project):
    right = picked(project, 9)
    ids = features(project) / "ids.txt"
    lines = ids.read_text().splitlines()
    ids.write_text("\n".join(lines[1:] + lines[:1]) + "\n")
    assert any("60 of 60 rows" in problem for problem in check_project(project))
    assert picked(project, 8) == right[:8]
    assert "10 of 60 rows" in " ".join(check_project(project))


def test_features_from_before_there_were_digests_go_on_and_get_them(project):
    sums = features(project) / "sums.u8"
    kept = sums.read_bytes()
    sums.unlink()
    picked(project, 9)
    assert not sums.exists()
    assert check_project(project) == []
    assert sums.read_bytes() == kept


def test_a_model_of_other_numbers_is_refused_and_told(project):
    file = project / "rounds" / "0001" / "model.safetensors"
    with safe_open(file, "pt") as opened:
        about, tensors = opened.metadata(), {name: opened.get_tensor(name) * 0 for name in opened.keys()}  # noqa: SIM118
    save_file(tensors, file, metadata=about)
    with pytest.raises(ModelError, match="other numbers than its digest says") as refused:
        picked(project, 9)
    assert "delete that file" in refused.value.fix
    assert any("model.safetensors" in problem for problem in check_project(project))


def test_a_model_from_before_there_were_digests_loads(project):
    file = project / "rounds" / "0001" / "model.safetensors"
    with safe_open(file, "pt") as opened:
        about, tensors = dict(opened.metadata()), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    said = json.loads(about["askance"])
    del said["digest"]
    save_file(tensors, file, metadata={"askance": json.dumps(said)})
    assert len(picked(project, 9)) == 9


def test_a_model_whose_words_are_no_json_is_refused(project):
    file = project / "rounds" / "0001" / "model.safetensors"
    with safe_open(file, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    save_file(tensors, file, metadata={"askance": "{not json"})
    with pytest.raises(ModelError, match="Invalid JSON"):
        picked(project, 9)


ROUND = ("picks.json", "config.json", "diagnosis.json", "scores.parquet", "neighbours.json")
DAMAGED = (b"", b"[" * 100_000, b'{"found": 3}', b"\xff\xfe")


def test_damaged_files_of_a_round_are_told_and_stop_nothing(project, tmp_path):
    folder = project / "rounds" / "0001"
    for name in ROUND:
        kept = (folder / name).read_bytes()
        for content in DAMAGED:
            (folder / name).write_bytes(content)
            assert any(name in problem for problem in check_project(project)), (name, content[:9])
        (folder / name).write_bytes(kept)
    for content in DAMAGED[:2]:
        for name in ROUND:
            (folder / name).write_bytes(content)
        with Session.open(project) as session:
            session.status()
            write_project_report(session, tmp_path / "report.html")
            session.train()
            assert session.pick(5).picks


def test_a_diagnosis_that_does_not_hang_together_is_left_out(project, tmp_path):
    file = project / "rounds" / "0001" / "diagnosis.json"
    kept = json.loads(file.read_text())
    kept["found"]["before"] |= {"edges": [0, 1], "count": [0]}
    file.write_text(json.dumps(kept))
    with Session.open(project) as session:
        write_project_report(session, tmp_path / "report.html")
    assert "Nothing is kept of round 1" in (tmp_path / "report.html").read_text()
    assert any("diagnosis.json" in problem for problem in check_project(project))


def test_batch_and_settings_that_are_not_the_database_s_are_told(project):
    folder = project / "rounds" / "0001"
    rows = json.loads((folder / "picks.json").read_text())
    (folder / "picks.json").write_text(json.dumps(rows[::-1]))
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["seed"] = 77
    (folder / "config.json").write_text(json.dumps(config))
    told = check_project(project)
    assert any("another batch than the database" in problem for problem in told)
    assert any("another settings than the database" in problem for problem in told)


def test_a_file_where_a_folder_belongs_is_told(project):
    for name in ("features", "rounds"):
        (project / name).rename(project / f"{name}-away")
        (project / name).touch()
        with Session.open(project) as session, pytest.raises(StoreError, match=r"File exists|Not a directory"):
            session.override("train", max_steps=6, min_steps=5).train()
        (project / name).unlink()
        (project / f"{name}-away").rename(project / name)


def test_rows_without_numbers_change_nothing():
    assert of_rows(np.empty((0, 4), np.float16)).shape == (0,)


@pytest.mark.parametrize(
    "change", ["UPDATE images SET width = 'wide'", "UPDATE images SET height = 0", "DELETE FROM images"]
)
def test_damaged_rows_of_images_stop_nothing_and_are_mended_by_the_next_scan(project, change, tmp_path):
    right = picked(project, 9)
    with sqlite3.connect(project / "askance.db") as other:
        other.execute(change)
    other.close()
    assert any("askance scan reads those files anew" in problem for problem in check_project(project))
    with Session.open(project) as session:
        assert len(session.project.store.quarantined()) == 60
        session.status()
        write_project_report(session, tmp_path / "report.html")
        assert [pick.image_id for pick in session.pick(8).picks] == right[:8]
        assert session.project.store.quarantined() == []
    assert check_project(project) == []


def test_a_damaged_word_of_a_cache_of_itself_is_told_with_its_folder_and_mended_by_the_next_pick(project, caplog):
    right, folder = picked(project, 9), features(project)
    (folder / "meta.json").write_text('{"vebsion": 1, "dim": 32, "dtype": "<f2"}')
    assert any(f"{folder}: version: Field required" in problem for problem in check_project(project))
    assert picked(project, 8) == right[:8]
    assert f"{folder / 'meta.json'} is damaged" in caplog.text
    assert check_project(project) == []


def test_what_kills_left_in_every_folder_of_a_project_is_named_and_swept(project):
    left = [
        project / folder / ".a.json.0a1b2c3d.tmp"
        for folder in (".", "rounds/0001", "features", "features/trunks", "features/maps-0a", "training")
    ] + [project / folder / ".b.html.0a1b2c3d.tmp" for folder in ("rejected", "reports", "reports/old", "exports")]
    left.append(features(project) / "meta.new")
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    (project / "features" / "maps-0a" / "meta.json").write_text('{"version": 1, "dim": 3, "dtype": "<f2"}')
    assert set(left_by_kills(project)) == {path.resolve() for path in left}
    assert "left by a killed command" in " ".join(notes_of(project))
    with Session.open(project) as session:
        session.train()
    assert [path for path in left if path.exists()] == []
    assert left_by_kills(project) == []


@pytest.mark.parametrize("about", [None, "{}", '{"model": {}}', '{"format": "askance-dense-1"}'])
def test_a_model_that_does_not_say_what_it_is_is_told_as_pick_does(project, about):
    path = project / "rounds" / "0001" / "model.safetensors"
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata=None if about is None else {"askance": about})
    assert any("model.safetensors" in problem and "format" in problem for problem in check_project(project))
    with pytest.raises(ModelError):
        picked(project, 7)


def test_scores_with_other_columns_are_told_where_no_digest_is_kept(project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    picked(project, 9)
    path = next((project / "rounds").glob("*/scores.parquet"))
    number = int(path.parent.name)
    with sqlite3.connect(project / "askance.db") as database:
        config = json.loads(
            database.execute("SELECT config FROM rounds WHERE number = ?", (number,)).fetchone()[0]
        )
        config.pop("digests", None)
        database.execute("UPDATE rounds SET config = ? WHERE number = ?", (json.dumps(config), number))
    assert check_project(project) == []
    pq.write_table(pa.table({"a": [1], "b": [2.0]}), path)
    assert any("scores.parquet: its columns are a, b" in problem for problem in check_project(project))
