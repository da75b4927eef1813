"""Data sets with boxes behind an oracle."""

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest

from askance.simulation.experiment import Experiment
from askance.simulation.runs import read_curves
from askance.studies.boxes import boxes_from
from askance.studies.simulations import View, chosen_boxes, run_simulation
from askance.studies.studies import Part, Study, run_study
from askance.studies.study_files import write_study
from askance.vocab import ConfigError


@pytest.fixture
def cells(tmp_path, shared_data):
    """Forty photographs of blood cells, their labels beside them."""
    truth = json.loads((shared_data / "bccd/annotations.json").read_text())
    truth["images"] = truth["images"][:40]
    known = {image["id"] for image in truth["images"]}
    truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in known]
    folder = tmp_path / "cells"
    folder.mkdir()
    for image in truth["images"]:
        shutil.copy(shared_data / "bccd/images" / image["file_name"], folder)
    (folder / "annotations.json").write_text(json.dumps(truth))
    return folder


@pytest.mark.shared_data
def test_a_problem_of_boxes(cells):
    problem = boxes_from(str(cells))()
    assert problem.classes == ("RBC", "WBC", "Platelets")
    assert len(problem.pool) + len(problem.test) == 40
    assert 5 < len(problem.test) < 20
    assert not set(problem.pool.ids) & set(problem.test.ids)
    assert set(problem.sizes.values()) == {(320, 240)}
    assert problem.fingerprint() == boxes_from(str(cells))().fingerprint()


@pytest.mark.shared_data
def test_a_simulation_counts_boxes_beside_images(cells, shared_data, tmp_path):
    settings = {
        "model": {
            "weights": str(shared_data / "weights/mobilenetv2_100_imagenet.safetensors"),
            "options": {"pad_type": "same"},
            "members": 2,
        },
        "detector": {"epochs": 4, "width": 16},
    }
    model, train, detector, _ = chosen_boxes(str(cells), settings)
    assert detector.input == (320, 256)
    experiment = Experiment(
        ("bald", "random"), (0,), start=4, batch=4, until=8, draws=10, model=model, train=train, detector=detector
    )
    done = run_simulation(str(cells), experiment, tmp_path / "out", view=View("ap50"), workers=1)
    bald, random = done.curves
    truth = {name: said.classes.total() for name, said in _said(cells).items()}
    assert bald.metrics["ap50"][0] == random.metrics["ap50"][0]  # one first model for both
    assert bald.metrics["boxes"][0] == random.metrics["boxes"][0]
    assert all(8 < boxes <= sum(truth.values()) for boxes in bald.metrics["boxes"])
    assert done.report.stat().st_size > 20_000
    again = run_simulation(str(cells), experiment, tmp_path / "out", view=View("ap50"), workers=1)
    assert again.curves == done.curves


@pytest.mark.shared_data
def test_a_study_says_what_was_bought_and_judges_by_boxes_too(cells, shared_data, tmp_path):
    model, train, detector, _ = chosen_boxes(
        str(cells),
        {
            "model": {
                "weights": str(shared_data / "weights/mobilenetv2_100_imagenet.safetensors"),
                "options": {"pad_type": "same"},
                "members": 2,
            },
            "detector": {"epochs": 2, "width": 8},
        },
    )
    experiment = Experiment(
        ("box-count", "random"),
        (0, 1),
        start=4,
        batch=4,
        until=8,
        draws=4,
        model=model,
        train=train,
        detector=detector,
    )
    part = Part("cells", "Blood cells", "forty photographs", boxes_from(str(cells)), experiment)
    study = Study("little", "A little study", "nobody", (), (part,), metric="ap50", subject="cells")
    run_study(study, tmp_path, workers=1)
    written = write_study(study, tmp_path, "askance bench little")
    page = written.page.read_text("utf-8")
    truth = _said(cells)
    runs = read_curves(part.folder(tmp_path), experiment, whole=True)
    boxes = [curve.metrics["boxes"] for curve in runs if curve.strategy == "box-count"]
    row = next(line for line in page.splitlines() if line.startswith("| box-count |") and "%" in line)
    bought = [float(cell) for cell in row.split("|")[2:5]]
    assert sum(bought) == sum(end - start for start, end in boxes) / 2
    assert boxes[0][1] <= sum(said.classes.total() for said in truth.values())
    assert "### By boxes" in page
    assert "Boxes saved against random" in page
    figure = written.page.parent / re.search(r"!\[AP50 over boxes\]\((.*)\)", page)[1]
    assert figure in written.files
    assert figure.stat().st_size > 10_000
    raw = next(file for file in written.files if file.suffix == ".parquet")
    assert pq.read_table(raw)["loss"].to_pylist()[0] > 0


def _said(cells):
    pool = boxes_from(str(cells))().pool
    return dict(zip(pool.ids, pool.targets, strict=True))


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a folder of images with boxes"):
        boxes_from(str(tmp_path / "nowhere"))
