"""Several labels an image as data of a simulation."""

import numpy as np
import pytest
from PIL import Image

from askance.studies.problems import classification, problem_from
from askance.vocab import Annotation, ConfigError
from askance.vocab.config import ModelConfig, TrainConfig


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(tmp_path / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{['a', 'a; b', 'nothing', 'b', 'unreadable'][i % 5]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "labels.csv"


def test_a_table_of_several_labels_is_a_problem(table):
    problem = problem_from(str(table), several=True)()
    assert problem.classes == ("a", "b")
    assert (len(problem.pool), len(problem.test)) == (12, 4)
    both = [*problem.pool.targets, *problem.test.targets]
    assert sorted(one.labels for one in both) == sorted([("a",), ("a", "b"), (), ("b",)] * 4)
    task = classification(ModelConfig(name="pixels", size=8, channels=1), TrainConfig(max_steps=20), problem)
    model = task.fit(problem.pool, problem.test, warm=None, seed=0).model
    assert 0 <= task.measure(model, problem.test, k=4, seed=0)["macro_f1"] <= 1


def test_a_folder_in_which_images_lie_in_several(tmp_path):
    for name, i in (("a", 1), ("a", 2), ("b", 2), ("b", 3)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (8, 8), 50 * i).save(tmp_path / name / f"{i}.png")
    problem = problem_from(str(tmp_path), several=True)()
    both = [*problem.pool.targets, *problem.test.targets]
    assert sorted(one.labels for one in both) == [("a",), ("a", "b"), ("b",)]
    assert all(isinstance(one, Annotation) for one in both)


def test_data_without_labels_is_refused(tmp_path):
    Image.new("L", (8, 8), 50).save(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_text("path,label\n1.png,\n")
    with pytest.raises(ConfigError, match="with labels"):
        problem_from(str(tmp_path / "labels.csv"), several=True)()
