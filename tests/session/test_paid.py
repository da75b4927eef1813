"""Did it pay? What a project says, and what it says is missing."""

import shlex
from pathlib import Path

import numpy as np
import pytest

from askance.cli.options import settings_of
from askance.loop.strategy import Strategy
from askance.session import paid as room
from askance.session.paid import Slices, difference, paid, slices_of
from askance.session.reporting import write_project_report
from askance.session.round_rows import beside, round_row
from askance.studies.simulations import settings_for


def turn(site, session, n, strategy=None):
    """Train, pick and label a batch."""
    session.train()
    how = {"acquisition": "random", "selection": "top-k"} if strategy == "random" else {}
    session.override("strategy", **how).pick(n)
    session.import_labels(site.answer(session), "me")


def test_without_a_random_slice_it_says_what_is_missing(site):
    with site.init() as session:
        assert paid(session).verdict == "Nothing can be said yet: no model is trained."
        turn(site, session, 5)
        session.train()
        said = paid(session)
        assert said.verdict.startswith("Not known")
        text = " ".join(said.grounds)
        assert (
            "Of 25 training labels 20 were there before a model picked, 5 were picked by it, and none at" in text
        )
        assert "A test set of 50 images is needed, and 10 are labelled." in text
        assert "needs about 300: 265 are missing" in text
        assert said.commands[0].startswith("askance pick --split test -n 200 -p ")


def test_the_simulation_that_is_recommended_is_of_the_projects_own_settings(site, monkeypatch):
    monkeypatch.setattr(room, "OWN", 30)
    monkeypatch.setattr(room, "OWN_EACH", 1)
    strategy = {"draws": 6, "selection": "max-herding"}
    with site.init(strategy=strategy) as session:
        turn(site, session, 5)
        changed = session.override("model", options={"grey": True, "way": "same"}, size=8)
        command = paid(changed).commands[-1]
    words = shlex.split(command)
    assert words[words.index("--strategies") + 1] == "max-herding,random"
    assert Strategy.parse("max-herding").name == "max-herding"
    said = settings_of([words[i + 1] for i, word in enumerate(words) if word == "--set"])
    assert said["model"]["options"] == {"grey": True, "way": "same"}
    model, train = settings_for("own-labels", said)
    assert model == changed.config.model
    assert train == changed.config.train


def test_equal_numbers_of_picked_and_random_images_are_compared(site, monkeypatch):
    monkeypatch.setattr(room, "SLICE", 5)
    monkeypatch.setattr(room, "TESTED", 10)
    monkeypatch.setattr(room, "_cheap", lambda last: True)
    with site.init() as session:
        turn(site, session, 6)
        turn(site, session, 5, "random")
        session.train()
        slices = slices_of(session)
        assert (len(slices.start), len(slices.picked), len(slices.random), slices.k) == (20, 6, 5, 5)
        assert slices.how == ("margin",)
        said = paid(session)
        assert "5 " in said.verdict
        assert "the first 5 picked images (margin)" in said.grounds[0]
        assert "Beside the same 20 labels to start from" in said.grounds[0]


def test_the_interval_is_of_test_images_and_of_batches():
    whole = np.array([[1.0, 0.0, 0.0, -1.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]])
    halves = np.array([0.1, 0.5] * 5)
    gain, low, high = difference(whole, halves)
    error = np.sqrt(0.4 / 9 + np.var([1, 0, 0.5, -0.5, 1], ddof=1) / 5)
    assert gain == pytest.approx(0.4)
    assert (low, high) == pytest.approx((0.4 - 2.262 * error, 0.4 + 2.262 * error))


@pytest.mark.parametrize("tested", [200, 1000])
def test_two_random_batches_are_seldom_said_to_differ(tested):
    generator = np.random.default_rng(0)
    centres = 0.8 * generator.standard_normal((5, 10))

    def some(n):
        targets = generator.integers(0, 5, n)
        return centres[targets] + generator.standard_normal((n, 10)), targets

    def right(batch, start, test, n):
        chosen = generator.permutation(20)[:n]
        x, y = (np.concatenate([one, other[chosen]]) for one, other in zip(start, batch, strict=True))
        means = np.stack([x[y == c].mean(axis=0) if c in y else np.full(10, 1e3) for c in range(5)])
        return (((means**2).sum(axis=1) - 2 * test[0] @ means.T).argmin(axis=1) == test[1]).astype(float)

    wrong = wrong_by_images_alone = 0
    for _ in range(200):
        test, start, one, other = some(tested), some(20), some(20), some(20)
        gain = right(one, start, test, 20) - right(other, start, test, 20)
        halves = [(right(one, start, test, 10) - right(other, start, test, 10)).mean() for _ in range(10)]
        _, low, high = difference(gain[None], np.array(halves))
        wrong += not low <= 0 <= high
        wrong_by_images_alone += abs(gain.mean()) > 1.96 * gain.std() / np.sqrt(tested)
    assert wrong <= 0.08 * 200
    assert wrong_by_images_alone >= 0.12 * 200


def test_what_was_compared_is_kept(site, monkeypatch):
    for name, value in (("SLICE", 5), ("TESTED", 10), ("_cheap", lambda last: True)):
        monkeypatch.setattr(room, name, value)
    with site.init() as session:
        turn(site, session, 5)
        turn(site, session, 5, "random")
        session.train()
        first = paid(session)
        monkeypatch.setattr(type(session), "task", lambda self: pytest.fail("trained again"))
        assert paid(session) == first
        with pytest.raises(pytest.fail.Exception, match="trained again"):  # of other settings
            paid(session.override("model", dropout=0.4))
        names = sorted(site.truth)
        session.import_labels(site.csv([(names[25], site.truth[names[25]])], name="one.csv"), "me")
        with pytest.raises(pytest.fail.Exception, match="trained again"):  # of other labels, not trained on yet
            paid(session)


def test_only_the_strategies_whose_images_are_compared_are_named():
    slices = Slices(("a",), ("b", "c", "d"), ("e", "f"), ("bald", "bald", "margin"))
    assert slices.how == ("bald",)


def test_where_a_comparison_would_train_whole_networks_it_says_that(site, monkeypatch):
    monkeypatch.setattr(room, "SLICE", 5)
    monkeypatch.setattr(room, "TESTED", 10)
    with site.init() as session:
        turn(site, session, 5)
        turn(site, session, 5, "random")
        session.train()
        said = paid(session)
    assert said.verdict.startswith("Not known: training moves the whole network here")
    assert "A comparison takes 26 trainings." in said.grounds[1]


def test_rounds_are_set_beside_each_other_on_the_images_that_both_saw(site):
    with site.init() as session:
        turn(site, session, 5)
        session.train()
        rounds = session.project.store.rounds()
        first, last = (round_row(session.project, one) for one in rounds)
        assert (first.tested, first.classes_tested) == (
            10,
            len({site.truth[name] for name in sorted(site.truth)[-10:]}),
        )
        assert first.test == last.test != ""
        found = beside(session.project, rounds)
        assert (found.earlier, found.labels, found.n) == (1, 20, 10)
        assert found.before == pytest.approx(first.metrics["accuracy"])
        assert found.after == pytest.approx(last.metrics["accuracy"])
        assert found.low <= found.after - found.before <= found.high


def test_rounds_of_other_settings_are_marked_and_not_set_beside(site):
    with site.init() as session:
        turn(site, session, 5)
        changed = session.override("model", dropout=0.4)
        changed.train()
        rounds = session.project.store.rounds()
        assert beside(session.project, rounds) is None
        page = write_project_report(changed).read_text()
        assert "other settings, model.dropout 0.5 → 0.4" in page


def test_reports_have_a_name_a_round_and_replace_nothing(site):
    with site.init() as session:
        session.train()
        first = write_project_report(session)
        assert first == session.project.root / "reports" / "round-0001.html"
        assert write_project_report(session) == first
        turn(site, session, 5)
        assert write_project_report(session).name == "round-0001-2.html"  # the batch is labelled by now
        with pytest.raises(Exception, match="not one of the project"):
            write_project_report(session, session.project.root / "askance.toml")
        assert Path(first).exists()


def test_two_people_and_answers_that_are_no_class_are_told(site):
    with site.init() as session:
        session.train()
        names = sorted(site.truth)
        wrong = [(names[0], str((int(site.truth[names[0]]) + 1) % 10)), *site.known(names[1:4])]
        session.import_labels(site.csv(wrong, name="bob.csv"), "bob")
        session.import_labels(site.csv([(names[25], "unreadable")], name="more.csv"), "bob")
        page = write_project_report(session).read_text()
        assert "4 images were labelled by two people or more" in page
        assert "bob and init" in page
        assert f"bob: {wrong[0][1]}" in page
        assert "Answers that are no class: 1 unreadable." in page
