"""The study of waste on pictures made for the test."""

from dataclasses import replace

import pytest

from askance.studies import papers
from askance.studies.papers.trashnet import AGAIN, ARMS, LEFT, waste
from askance.studies.studies import run_study
from askance.studies.study_files import write_study
from askance.vocab import ConfigError
from tests.session.pictures import WASTE, photographs_of_waste, trunk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    photographs_of_waste(folder)
    trunk(folder)
    return folder


def test_copies_and_what_stands_under_two_classes_are_left_out(data):
    made = waste(str(data / "trashnet"))
    assert made.classes == WASTE
    assert {"paper22", "paper108"} <= AGAIN
    assert len(made.pool) + len(made.test) == 178  # of 182 files two are nearly others again, and two are the same
    assert made.of_seed(0).test.ids != made.of_seed(1).test.ids
    assert waste(str(data / "trashnet"), "uneven").at_most == LEFT
    wrong = waste(str(data / "trashnet"), "mistakes").mistakes
    assert 10 < len(wrong) < 45
    among = waste(str(data / "trashnet"), "strangers")
    assert len(among.strangers) == 20
    assert among.of_seed(0).test == made.of_seed(0).test


def test_the_study_has_every_arm_and_pool_and_a_ceiling(data, tmp_path):
    whole = papers.trashnet(data / "trashnet", quick=True)
    names = [part.name for part in whole.parts]
    arms = {(part.name, arm) for part in whole.parts for arm in part.experiment.strategies}
    assert names == ["ten", "hundred", "uneven", "mistakes", "strangers", "all-labels"]
    assert {claim.better for claim in whole.claims} | {claim.worse for claim in whole.claims} <= arms
    assert {*ARMS, "batchbald"} == {arm for part, arm in arms if part == "ten"}
    assert whole.parts[-1].experiment.start == len(waste(str(data / "trashnet")).pool)

    def tiny(part):
        experiment = part.experiment
        model = experiment.model.model_copy(update={"size": 32})
        train = experiment.train.model_copy(update={"min_steps": 20, "max_steps": 40})
        shrunk = replace(experiment, seeds=(0, 1), draws=5, model=model, train=train)
        if part.name == "strangers":
            shrunk = replace(shrunk, strategies=("bald", "random"), start=12, batch=20, until=72)
        return replace(part, experiment=shrunk)

    small = replace(whole, parts=tuple(tiny(whole.parts[i]) for i in (4, 5)))
    run_study(small, tmp_path, workers=1)
    written = write_study(small, tmp_path, "askance bench trashnet")
    page = written.page.read_text()
    assert (written.whole, written.planned) == (6, 6)
    assert "| none of these | most frequent |" in page
    bought = [line for line in page.splitlines() if line.startswith("| random |") and line.endswith("% |")]
    assert sum(map(float, bought[0].split("|")[2:9])) == pytest.approx(60)
    assert 0 < float(bought[0].split("|")[8]) <= 20
    assert "144 to pick from" in page  # 124 and the strangers
    assert "| 30% error | 20% error |" in page
    ceiling = page.split("## All labels there are")[1]
    assert "over labels](" not in ceiling  # one model a seed is no curve
    assert "% error |" not in ceiling
    assert "| labels | 124 |" in ceiling
    assert not any("all-labels" in path.name for path in written.files)


def test_waste_that_cannot_be_had_is_asked_for(data, tmp_path):
    with pytest.raises(ConfigError, match="not fetched by --download"):
        papers.PAPERS["trashnet"].folder(tmp_path, download=True)
    assert papers.PAPERS["trashnet"].folder(data, download=False) == data / "trashnet"
    (tmp_path / "trashnet").symlink_to(data / "trashnet")
    with pytest.raises(ConfigError, match="ImageNet weights"):
        papers.trashnet(tmp_path / "trashnet")
    with pytest.raises(ConfigError, match="photographs of no class of waste"):
        waste(str(tmp_path / "trashnet"), "strangers")
