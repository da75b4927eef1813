"""Studies end to end on digits, which are small; the papers' own on MNIST files made for the test."""

import gzip
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import get_args, get_type_hints

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from askance.cli.bench import bench
from askance.cli.main import app
from askance.pool import Look
from askance.report.claims import Claim
from askance.simulation.runs import read_curves
from askance.studies import papers
from askance.studies.machine import made
from askance.studies.papers.isic2016 import melanoma
from askance.studies.papers.mnist import mnist_folder
from askance.studies.problems import digits, mnist, repeated_mnist
from askance.studies.simulations import demo_experiment
from askance.studies.studies import Part, Study, resume_study, run_study
from askance.studies.study_files import write_study
from askance.uncertainty import MASKS
from askance.vocab import ConfigError, LabelError
from tests.session.pictures import lesions, photographs_of_waste, trunk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of data sets with a small MNIST: digits, 28 pixels wide, in the files' own format."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "mnist"
    raw.mkdir()
    found = load_digits()
    images = np.kron(found.images[:260], np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))) * (255 / 16)
    for stem, part in (("train", slice(0, 200)), ("t10k", slice(200, 260))):
        for kind, values in (("images-idx3", images), ("labels-idx1", found.target)):
            some = values[part].astype(np.uint8)
            head = bytes([0, 0, 8, some.ndim]) + b"".join(n.to_bytes(4, "big") for n in some.shape)
            (raw / f"{stem}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + some.tobytes()))
    lesions(folder / "isic2016")
    photographs_of_waste(folder)
    trunk(folder)
    for name in ("bccd", "pcb_detection"):
        (folder / name / "images").mkdir(parents=True, exist_ok=True)
        (folder / name / "annotations.json").write_text('{"images": [], "annotations": [], "categories": []}')
    return folder


def small(**changes):
    settings = {"strategies": ("bald", "random"), "start": 20, "batch": 10, "until": 40, "draws": 5, **changes}
    experiment = replace(demo_experiment(2), **settings)
    train = experiment.train.model_copy(update={"min_steps": 20, "max_steps": 40})
    return replace(experiment, train=train)


def study(*parts):
    one = Part("one", "Two arms", "digits", partial(digits), small())
    return Study("tiny", "Digits", "Nobody 2026.", ("everything",), parts or (one,), (
        Claim("BALD is better than random", ("one", "bald"), ("one", "random")),
    ))  # fmt: skip


def test_a_study_writes_everything_that_is_needed_to_doubt_it(tmp_path):
    run_study(study(), tmp_path, workers=1)
    written = write_study(study(), tmp_path, "askance bench tiny")
    assert (written.whole, written.planned) == (4, 4)
    page = written.page.read_text()
    assert "`askance bench tiny`" in page
    assert "Python" in page
    assert "| BALD is better than random |" in page
    assert {path.suffix for path in written.files} == {".json", ".parquet", ".png", ".svg"}
    config = json.loads(next(path for path in written.files if path.suffix == ".json").read_text())
    assert config["parts"]["one"]["until"] == 40
    assert config["parts"]["one"]["train"]["max_steps"] == 40
    rows = pq.read_table(next(path for path in written.files if path.suffix == ".parquet")).to_pylist()
    assert len(rows) == 4 * 3
    assert [len(row["picked"]) for row in rows if row["strategy"] == "bald"] == [10, 10, 0] * 2
    assert 0 < json.loads(rows[0]["metrics"])["error"] < 1


def test_a_study_of_which_nothing_has_been_run_has_its_columns_and_no_rows(tmp_path):
    tmp_path.joinpath("out").mkdir()
    written = write_study(study(), tmp_path / "out", "x")
    raw = pq.read_table(next(path for path in written.files if path.suffix == ".parquet"))
    assert raw.num_rows == 0
    assert {"part", "metrics", "picked"} <= set(raw.column_names)


def test_a_study_stopped_in_its_middle_says_what_is_missing_and_goes_on(tmp_path):
    run_study(study().with_seeds(1), tmp_path, workers=1)
    written = write_study(study(), tmp_path, "x")
    assert (written.whole, written.planned) == (2, 4)
    assert "2 of 4 runs have reached their end" in written.page.read_text()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("curve.jsonl")}
    run_study(study(), tmp_path, workers=1)
    assert write_study(study(), tmp_path, "x").whole == 4
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_a_study_goes_on_elsewhere_from_its_result(tmp_path):
    """Stopped in a run's middle, taken up from the Parquet file alone: the same rounds as without a stop."""
    whole, here, there = (tmp_path / name for name in ("whole", "here", "there"))
    run_study(study(), whole, workers=1)
    shorter = study(replace(study().parts[0], experiment=small(until=30)))
    run_study(shorter.with_seeds(1), here, workers=1)
    written = write_study(study(), here, "x")
    assert written.whole == 0
    raw = next(path for path in written.files if path.suffix == ".parquet")
    assert resume_study(study(), there, raw) == 4
    assert resume_study(study(), there, raw) == 0  # it has them
    run_study(study(), there, workers=1)
    due = {path.relative_to(whole): path.read_text() for path in whole.rglob("curve.jsonl")}
    for place, text in due.items():
        for one, other in zip(text.splitlines(), (there / place).read_text().splitlines(), strict=True):
            mine, theirs = json.loads(one), json.loads(other)
            assert all(mine[key] == theirs[key] for key in ("labels", "metrics", "picked"))
    page = write_study(study(), there, "x").page.read_text()
    assert f"- draws by: {MASKS}\n" in page
    assert f"- rounds by: {made()['code']}, {datetime.now(UTC):%Y-%m-%d}, 12 rounds\n" in page


def test_a_result_of_other_settings_is_not_taken_up(tmp_path):
    run_study(study().with_seeds(1), tmp_path, workers=1)
    raw = next(path for path in write_study(study(), tmp_path, "x").files if path.suffix == ".parquet")
    one = study().parts[0]
    uneven = replace(one, experiment=small(start_classes=(11, *[1] * 9)))
    for changed, what in (
        (replace(one, experiment=small(draws=6)), "draws"),
        (replace(one, data="x"), "data"),
        (uneven, "start_classes"),
    ):
        with pytest.raises(ConfigError, match=f"others: {what}"):
            resume_study(study(changed), tmp_path / "there", raw)
    assert not (tmp_path / "there").exists()
    run_study(study(uneven).with_seeds(1), tmp_path / "uneven", workers=1)
    files = write_study(study(uneven), tmp_path / "uneven", "x").files
    with pytest.raises(ConfigError, match="others: start_classes"):
        resume_study(study(), tmp_path / "there", next(path for path in files if path.suffix == ".parquet"))
    config = raw.with_suffix(".json")
    whole = config.read_text()
    new = raw.read_bytes()
    pq.write_table(pq.read_table(raw).drop_columns("made"), raw)  # as results from before rounds kept it
    assert resume_study(study(), tmp_path / "there", raw) == 6
    page = write_study(study(), tmp_path / "there", "x").page.read_text()
    assert "- draws by: independent masks\n" in page
    assert "- rounds by: code that was not noted, 6 rounds\n" in page
    run_study(study(), tmp_path / "there", workers=1)
    page = write_study(study(), tmp_path / "there", "x").page.read_text()
    assert f"- draws by: independent masks, then {MASKS}\n" in page
    assert "- rounds by: code that was not noted, 6 rounds; then askance " in page
    shutil.rmtree(tmp_path / "there" / "runs")
    raw.write_bytes(new)
    assert resume_study(study(), tmp_path / "there", raw) == 6
    curve = next((tmp_path / "there").rglob("random-0/curve.jsonl"))
    lines = curve.read_text().splitlines()
    curve.write_text(lines[0].replace('"labels": 20', '"labels": 21') + "\n")
    with pytest.raises(ConfigError, match="the same rounds as in"):
        resume_study(study(), tmp_path / "there", raw)
    assert len(curve.read_text().splitlines()) == 1
    for broken in ("[]", '{"parts": []}', '{"parts": {"one": 3}}', "no JSON"):
        config.write_text(broken)
        with pytest.raises(ConfigError, match=r"the result of a study|others: "):
            resume_study(study(), tmp_path / "elsewhere", raw)
    config.write_text(whole)
    with pytest.raises(ConfigError, match="earlier result"):
        resume_study(study(), tmp_path, tmp_path / "none.parquet")
    raw.write_bytes(b"no table")
    with pytest.raises(ConfigError, match="the result of a study"):
        resume_study(study(), tmp_path, raw)


def test_a_page_says_of_each_part_what_made_its_rounds_where_they_differ(tmp_path):
    parts = [study().parts[0], *(Part(name, name, name, partial(digits), small()) for name in ("two", "three"))]
    one = study(parts[0])
    run_study(one, tmp_path, workers=1)
    for part, masks in zip(parts[1:], ("other masks", "other masks"), strict=True):
        shutil.copytree(parts[0].folder(tmp_path), part.folder(tmp_path))
        for curve in part.folder(tmp_path).rglob("curve.jsonl"):
            curve.write_text(curve.read_text().replace(MASKS, masks))
    softmax = parts[2].experiment.model.model_copy(update={"posterior": "softmax"})
    parts.append(Part("four", "four", "digits", partial(digits), replace(parts[0].experiment, model=softmax)))
    run_study(study(parts[3]), tmp_path, workers=1)
    claims = tuple(
        Claim(f"as {name}", ("one", "bald"), (name, "bald"), expected=False) for name in ("two", "four")
    )
    page = write_study(replace(study(*parts), claims=claims), tmp_path, "x").page.read_text()
    assert "| as two | too few pairs to say; other masks in 100 % of rounds |" in page
    assert "| as four | too few pairs to say |" in page  # which draws nothing
    assert "0 validation labels; one pass; the whole pool" in page
    assert f"- draws by, one: {MASKS}\n- draws by, two, three: other masks\n" in page


def test_parts_of_the_same_settings_share_their_runs(tmp_path):
    longer = Part("longer", "More labels", "digits", partial(digits), small(until=50))
    other = replace(longer, name="other", experiment=small(until=50, draws=4))
    one = study().parts[0]
    assert longer.folder(tmp_path) == one.folder(tmp_path)
    assert other.folder(tmp_path) != one.folder(tmp_path)
    assert replace(one, data="other images").folder(tmp_path) != one.folder(tmp_path)
    both = study(one, longer)
    run_study(both.with_seeds(1), tmp_path, workers=1)
    assert len(list(tmp_path.rglob("curve.jsonl"))) == 2
    assert write_study(both.with_seeds(1), tmp_path, "x").whole == 4


def test_an_arm_of_another_part_is_shown_beside_as_far_as_the_budget_goes(tmp_path):
    one = replace(study().parts[0], experiment=small(until=50))
    alone = small(strategies=("bald",), draws=4)
    two = Part("two", "Without random", "digits", partial(digits), alone, beside={"random": "one"})
    both = study(one, two)
    run_study(both.only(["one"]), tmp_path, workers=1)
    run_study(both.with_seeds(1), tmp_path, workers=1)
    written = write_study(both, tmp_path, "x")
    assert (written.whole, written.planned) == (4 + 1, 6)
    page = written.page.read_text().partition("## Without random")[2]
    assert "1 of 2 runs have reached their end.\n\nBeside them is random of *one*.\n" in page
    curves = read_curves(one.folder(tmp_path), one.experiment)
    first = next(curve for curve in curves if (curve.strategy, curve.seed) == ("random", 0))
    shown = next(line for line in page.splitlines() if line.startswith("| random |") and line.count("|") == 6)
    errors = [f"{100 * error:.1f}" for error in first.metrics["error"]]
    assert [cell.strip() for cell in shown.split("|")[2:5]] == errors[:3]
    assert "| bald | +" in page or "| bald | -" in page  # its difference from random
    alone = write_study(both.only(["two"]), tmp_path, "x").page.read_text()
    assert "Beside" not in alone
    assert "| random |" not in alone


def test_parts_can_be_chosen_by_name():
    both = study(study().parts[0], Part("two", "t", "digits", partial(digits), small()))
    assert [part.name for part in both.only(["two"]).parts] == ["two"]
    assert both.only(["two"]).name == f"{both.name}-two"
    assert both.only(["one", "two"]) == both
    with pytest.raises(ConfigError, match="three"):
        both.only(["three"])


def test_repeated_mnist_has_noisy_copies_in_whole_groups_and_a_clean_test_set(data):
    once, thrice = mnist(str(data / "mnist")), repeated_mnist(str(data / "mnist"))
    assert len(thrice.pool) == 3 * len(once.pool) == 600
    assert thrice.test == once.test
    first = once.pool.ids[0]
    copies = [name for name, group in thrice.groups.items() if group == first]
    assert len(copies) == 3
    target = dict(zip(thrice.pool.ids, thrice.pool.targets, strict=True))
    assert {target[name] for name in copies} == {once.pool.targets[0]}
    levels, _ = thrice.images.load(copies, Look(28, 1))
    clean, _ = once.images.load([first], Look(28, 1))
    grey = (clean[0] > 40) & (clean[0] < 215)  # where nothing is clipped
    noise = levels[:, grey] - clean[:, grey].astype(float)
    assert noise.std() == pytest.approx(7.86, rel=0.1)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.2
    assert thrice.fingerprint() != replace(thrice, groups={}).fingerprint()


def test_the_command_offers_every_paper():
    assert set(get_args(get_type_hints(bench)["paper"])) == set(papers.PAPERS)


@pytest.mark.parametrize("name", sorted(papers.PAPERS))
@pytest.mark.parametrize("quick", [True, False])
def test_every_paper_is_a_study_whose_claims_are_about_its_arms(data, name, quick):
    paper = papers.PAPERS[name]
    whole = paper.study(paper.folder(data, download=False), quick=quick)
    arms = {(part.name, strategy) for part in whole.parts for strategy in part.experiment.strategies}
    for claim in whole.claims:
        assert quick or {claim.better, claim.worse} <= arms, claim.text
    for part in whole.parts:
        for strategy, other in part.beside.items():
            assert quick or (other, strategy) in arms
            assert strategy not in part.experiment.strategies
        assert not quick or part.experiment.rounds <= 9
        assert all(
            set(one.labels) <= {*part.experiment.strategies, *part.beside, "mean-std"} for one in part.published
        )


def test_parts_share_the_runs_that_they_have_in_common(data, tmp_path):
    folders = {part.name: part.folder(tmp_path) for part in papers.gal2017(data / "mnist").parts}
    assert folders["bayesian"] == folders["to-1000"]  # another end and fewer seeds are the same runs
    assert len({folder for name, folder in folders.items() if name.startswith("whole-")}) == 1
    assert len({*folders.values()}) == len(folders) - 3


def test_melanoma_are_ranked_by_a_frozen_trunk_and_each_seed_has_its_own_test_images(data, tmp_path):
    whole = papers.isic2016(data / "isic2016", quick=True)
    part = whole.parts[0]
    made = part.problem()
    assert (len(made.pool), len(made.test)) == (160, 200)  # two are there twice
    assert made.of_seed(0).test.ids != made.of_seed(1).test.ids
    model = part.experiment.model.model_copy(update={"size": 32})
    train = part.experiment.train.model_copy(update={"min_steps": 20, "max_steps": 40})
    few = small(start=10, start_classes=(8, 2), until=30, model=model)
    tiny = replace(part, experiment=replace(few, train=train))
    run_study(replace(whole, parts=(tiny,)), tmp_path, workers=1)
    written = write_study(replace(whole, parts=(tiny,)), tmp_path, "askance bench isic2016")
    page = written.page.read_text()
    assert "Area under the ROC curve (AUROC), mean over seeds" in page
    assert "Labels to an error" not in page
    assert "| BALD is better than random |" in page
    assert "160 to pick from" in page
    bought = next(line for line in page.splitlines() if line.startswith("| random |") and line.endswith("% |"))
    assert sum(map(float, bought.split("|")[2:4])) == pytest.approx(20)
    curves = read_curves(tmp_path / tiny.folder(tmp_path), tiny.experiment)
    assert all(curve.metrics["auroc"][-1] > 0.9 for curve in curves)  # dark and light are easily told apart
    config = next(path for path in written.files if path.suffix == ".json").read_text()
    assert str(data) not in config
    raw = next(path for path in written.files if path.suffix == ".parquet")
    weights = data / "weights" / "mobilenetv2_100_imagenet.safetensors"
    other = tmp_path / "other"
    shutil.copytree(data / "isic2016", other / "isic2016")
    (other / "weights").mkdir()
    (other / "weights" / weights.name).write_bytes(weights.read_bytes()[:-1])
    elsewhere = replace(whole, parts=(replace(tiny, weights=str(other / "weights")),))
    with pytest.raises(ConfigError, match="others: weights"):
        resume_study(elsewhere, tmp_path / "new", raw)
    rows = (other / "isic2016" / "labels.csv").read_text().splitlines()
    (other / "isic2016" / "labels.csv").write_text("\n".join(rows[:-3]))
    fewer = replace(tiny, problem=partial(melanoma, str(other / "isic2016")))
    with pytest.raises(ConfigError, match="others: images"):
        resume_study(replace(whole, parts=(fewer,)), tmp_path / "new", raw)
    renamed = replace(whole, parts=(replace(tiny, name="still"),))
    assert resume_study(renamed, tmp_path / "new", raw) == 12
    strange = replace(whole, parts=(replace(tiny, name="still", experiment=replace(few, train=train, draws=6)),))
    assert resume_study(strange, tmp_path / "new", raw) == 0


def test_melanoma_that_cannot_be_had_are_asked_for(data, tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.csv.*not fetched by --download"):
        papers.PAPERS["isic2016"].folder(tmp_path, download=True)
    shutil.copytree(data / "isic2016", tmp_path / "isic2016")
    with pytest.raises(ConfigError, match="ImageNet weights"):
        papers.isic2016(tmp_path / "isic2016")
    rows = tmp_path / "isic2016" / "labels.csv"
    whole = rows.read_text()
    rows.write_text("\ufeff" + whole)  # as a spreadsheet saves it
    assert len(melanoma(str(tmp_path / "isic2016")).pool) == 160
    rows.write_text(whole.partition("\n")[2])
    with pytest.raises(LabelError, match="columns that name the image"):
        melanoma(str(tmp_path / "isic2016"))
    rows.write_text("\n".join(whole.splitlines()[:200]))
    with pytest.raises(ConfigError, match="180 benign and 120 malignant lesions"):
        melanoma(str(tmp_path / "isic2016"))
    rows.write_text(whole + "ISIC_9999999.jpg,benign\n")
    with pytest.raises(ConfigError, match="no ISIC_9999999"):
        melanoma(str(tmp_path / "isic2016"))
    rows.write_text(rows.read_text() + "ISIC_0000000.jpg,wart\n")
    with pytest.raises(ConfigError, match="wart"):
        melanoma(str(tmp_path / "isic2016"))


def test_the_command_runs_a_part_and_writes_its_page(data, tmp_path, monkeypatch):
    def tiny(folder, *, quick):
        whole = papers.gal2017(folder, quick=True)
        part = whole.parts[0]
        train = part.experiment.train.model_copy(update={"min_steps": 5, "max_steps": 10})
        shrunk = replace(part.experiment, strategies=("bald", "random"), until=30, draws=3, subset=50, train=train)
        return replace(whole, parts=(replace(part, experiment=shrunk),))

    monkeypatch.setitem(papers.PAPERS, "gal2017", replace(papers.PAPERS["gal2017"], study=tiny))
    monkeypatch.setenv("ASKANCE_DATA", str(data))
    out = tmp_path / "papers"
    said = CliRunner().invoke(
        app, ["bench", "gal2017", "--quick", "--seeds", "1", "--workers", "1", "--out", str(out)]
    )
    assert said.exit_code == 0, said.output
    assert "page:" in said.output
    assert len(list(out.glob("*-gal2017-quick.md"))) == 1
    missing = CliRunner().invoke(app, ["bench", "gal2017", "--seeds", "2", "--no-run", "--out", str(out)])
    assert "2 of 4 runs" in missing.output


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("t10k-labels-idx1-ubyte.gz", None, "t10k-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", lambda packed: packed[:-100], "end-of-stream"),
        ("train-images-idx3-ubyte.gz", lambda packed: b"no gzip", "gzip"),
        ("train-images-idx3-ubyte.gz", lambda packed: gzip.compress(gzip.decompress(packed)[:-5]), "reshape"),
        ("train-images-idx3-ubyte.gz", lambda packed: gzip.compress(b"<html>"), "starts with 3c68746d"),
        ("train-images-idx3-ubyte.gz", lambda packed: gzip.compress(b""), "whole"),
        ("train-labels-idx1-ubyte.gz", lambda _: gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 7])), "2 labels"),
    ],
)
def test_files_of_mnist_that_are_missing_or_damaged_are_named(data, tmp_path, file, damage, said):
    broken = shutil.copytree(data / "mnist", tmp_path / "mnist") / file
    packed = broken.read_bytes()
    broken.unlink()
    if damage is not None:
        broken.write_bytes(damage(packed))
    with pytest.raises(ConfigError, match=said):
        mnist(str(tmp_path / "mnist"))


def test_mnist_that_is_not_there_is_asked_for(tmp_path, data):
    assert mnist_folder(data, download=False) == data / "mnist"
    below = tmp_path / "other" / "mnist" / "MNIST" / "raw"
    below.parent.mkdir(parents=True)
    (data / "mnist").rename(below)
    try:
        assert mnist_folder(tmp_path / "other", download=False) == below
    finally:
        below.rename(data / "mnist")
    with pytest.raises(ConfigError, match="--download"):
        mnist_folder(tmp_path, download=False)
