"""A project from its first label to its third round."""

import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from askance.cli.imported import print_imported
from askance.session import Session
from askance.session.reporting import write_project_report
from askance.tasks.classification import Classification
from askance.training import resume, steps
from askance.vocab import ConfigError, ModelError, SelectionError


def ids(picked):
    return [pick.image_id for pick in picked.picks]


def test_three_rounds(site):
    with site.init() as session:
        seen = set()
        for number in (1, 2, 3):
            trained = session.train()
            assert (trained.round.number, trained.fresh) == (number, True)
            assert trained.round.labels == 20 + 5 * (number - 1)
            assert 0 <= trained.metrics["test_accuracy"] <= 1
            picked = session.pick(5)
            assert len(picked.picks) == 5
            assert not seen & set(ids(picked))  # a picked image never comes back
            seen |= set(ids(picked))
            assert set(picked.picks[0].why) >= {"predicted", "votes", "probabilities", "bald"}
            assert session.import_labels(site.answer(session), "expert").new == 5
        status = session.status()
        assert [one.state for one in status.rounds] == ["picked"] * 3
        assert status.labels["train"].total() == 35
        assert status.pending == 0


def test_the_files_of_a_round_say_what_the_store_says(site):
    with site.init() as session:
        session.train()
        picked = session.pick(4)
        folder = session.project.round_folder(1)
        scores = pq.read_table(folder / "scores.parquet").to_pydict()
        assert len(scores["id"]) == picked.scored == 30
        best = sorted(zip(scores["score"], scores["id"], strict=True), reverse=True)[:4]
        assert [pick.gain for pick in picked.picks] == [score for score, _ in best]
        written = json.loads((folder / "picks.json").read_text())
        assert [one["id"] for one in written] == ids(picked)
        config = json.loads((folder / "config.json").read_text())
        assert config["versions"]["torch"]
        assert config["settings"]["model"]["name"] == "gal-cnn"
        assert (folder / "model.safetensors").exists()


def test_epig_of_a_real_network_is_what_its_draws_say(site):
    """Pool and targets from one pass, and the joint table by an einsum."""
    with site.init(strategy={"draws": 8, "acquisition": "epig", "selection": "top-k"}) as session:
        session.train()
        picked = session.pick(5)
        folder = session.project.round_folder(1)
        scores = pq.read_table(folder / "scores.parquet").to_pydict()
        task, seed = session.task(), session.project.last_round().seed
        (chunk,) = task.draws(task.load(folder / "model.safetensors"), scores["id"], k=8, seed=seed)
    probs = chunk.units.draws.log_probs.double().exp()  # all 30 are targets, for they are fewer than 200
    joint = torch.einsum("nkc,mkd->nmcd", probs, probs) / 8
    apart = torch.einsum("nc,md->nmcd", probs.mean(1), probs.mean(1))
    due = (joint * (joint / apart).log()).sum((-2, -1)).mean(1)
    found = torch.tensor(scores["score"], dtype=torch.float64)
    torch.testing.assert_close(found, due, atol=1e-6, rtol=0)
    assert min(scores["score"]) > 0
    assert ids(picked) == [scores["id"][i] for i in due.argsort(descending=True)[:5]]


def test_novelty_picks_what_is_unlike_the_labelled_images_and_says_so(site, tmp_path):
    strategy = {"draws": 6, "acquisition": "novelty", "selection": "top-k"}
    with site.init(strategy=strategy) as session:
        session.train()
        picked = session.pick(5)
        folder = session.project.round_folder(1)
        scores = pq.read_table(folder / "scores.parquet").to_pydict()
        task, known = session.task(), session.project.labelled("train")
        net = task.load(folder / "model.safetensors")
        (near,) = task.log_density(net, scores["id"], labelled=known)
        assert scores["score"] == (-near.log_density).tolist()
        assert [pick.gain for pick in picked.picks] == sorted(scores["score"], reverse=True)[:5]
        assert [round(30 * pick.why["stranger_than"]) for pick in picked.picks] == [29, 28, 27, 26, 25]
        assert picked.picks[0].why["votes"]
        html = write_project_report(session, tmp_path / "r.html").read_text()
        assert "less like the labelled images than 96&nbsp;% of those scored" in html
        assert ids(session.pick(5)) == ids(picked)
        with pytest.raises(ConfigError, match="softrank"):
            session.override("strategy", selection="power").pick(5)
        assert "stranger_than" not in session.override("strategy", acquisition="bald").pick(6).picks[0].why


def test_epig_is_asked_about_the_images_that_are_named(site, monkeypatch):
    """A set, or a pattern of names; what is frozen is no target of a pattern, and labels play no part."""
    with site.init(strategy={"draws": 6, "acquisition": "epig", "selection": "top-k"}) as session:
        session.train()
        images, asked = session.project.store.images(), []
        draws = Classification.draws

        def watched(self, model, some, **more):
            asked.append([Path(images[name].uri).name for name in some])
            return draws(self, model, some, **more)

        monkeypatch.setattr(Classification, "draws", watched)
        names = sorted(site.truth)
        batches = {}
        for targets, n, due in (
            ("test", 200, names[50:]),
            ("00*.png", 200, names[:10]),
            ("0[0-5]?.png", 200, names[:50]),
            ("test", 4, names[50:]),
        ):
            asked.clear()
            batches[targets, n] = ids(session.override("strategy", targets=targets, n_targets=n).pick(9))
            assert set(asked[0]) <= set(due)
            assert len(asked[0]) == min(n, len(due))
            assert len(asked[1]) == 30  # what is picked from does not change
        assert len(set(map(tuple, batches.values()))) > 1, "targets that change nothing"
        for wrong in ("val", "site-b/*"):
            with pytest.raises(ConfigError, match="readable images for strategy"):
                session.override("strategy", targets=wrong).pick(11)
        assert session.override("strategy", targets="site-b/*", acquisition="bald").pick(11).fresh  # not asked


def test_targets_by_folder_and_by_group(site):
    (site.pool / "site-b" / "night").mkdir(parents=True)
    for i in range(3):
        Image.new("L", (8, 8), 20 * i).save(site.pool / "site-b" / "night" / f"{i}.png")
    with site.init() as session:
        store = session.project.store
        found = session.override("strategy", targets="site-b/*").project.targets()
        assert sorted(Path(store.images()[name].uri).name for name in found) == ["0.png", "1.png", "2.png"]
        assert session.project.targets() is None
    rows = [(f"{site.pool}/{name}", f"belt {i // 6}") for i, name in enumerate(sorted(site.truth))]
    pool = site.csv(rows, "path,group", "pool.csv")
    settings = {"pool": {"source": str(pool)}}
    with Session.init(site.folder / "listed", settings)[0] as session:
        of_group = session.override("strategy", targets="belt 3").project.targets()
        assert {session.project.store.images()[name].group for name in of_group} == {"belt 3"}
        assert len(of_group) == 6
        assert len(session.override("strategy", targets="pool/00*").project.targets()) == 10


def test_doing_it_again_does_nothing_again(site):
    with site.init() as session:
        first = session.train()
        again = session.train()
        assert not again.fresh
        assert again.metrics == first.metrics
        picked = session.pick(5)
        assert ids(session.pick(5)) == ids(picked)
        assert not session.pick(5).fresh
        csv = site.answer(session)
        assert session.import_labels(csv, "expert").new == 5
        assert session.import_labels(csv, "expert").unchanged == 5


def test_a_batch_of_the_most_information_together(site):
    strategy = {"draws": 3, "acquisition": "bald", "selection": "batchbald"}
    with site.init(strategy=strategy) as session:
        session.train()
        done = session.pick(25)
        gains = [pick.gain for pick in done.picks]
        assert len(gains) == len({pick.image_id for pick in done.picks}) == 25
        assert 0 < sum(gains) <= math.log(3) + 1e-9
        assert gains[0] == max(gains)
        assert session.pick(25).picks == done.picks


@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_a_batch_by_features(site, tmp_path, name):
    with site.init(strategy={"draws": 6, "selection": name}) as session:
        session.train()
        done = session.pick(9)
        gains = [pick.gain for pick in done.picks]
        assert len({pick.image_id for pick in done.picks}) == 9
        assert min(gains) > 0
        assert name == "badge" or gains == sorted(gains, reverse=True)
        assert session.pick(9).picks == done.picks
        scores = pq.read_table(session.project.round_folder(1) / "scores.parquet").to_pydict()
        assert set(scores["score"]) == {0.0}
        write_project_report(session, tmp_path / "r.html")
        with pytest.raises(ConfigError, match=f"{name} of mean-std"):
            session.override("strategy", acquisition="mean-std").pick(9)


def test_a_batch_of_before_a_setting_came_is_the_same_batch(site):
    with site.init() as session:
        session.train()
        first, store = session.pick(4), session.project.store
        config = dict(store.rounds()[-1].config)
        later = {"beta", "aggregation", "cost_image", "cost_box", "class_weights"}
        assert later < config["request"].keys()
        config["request"] = {key: value for key, value in config["request"].items() if key not in later}
        store.save_picks(first.number, first.picks, config)
        again = session.pick(4)
        assert (again.fresh, again.picks) == (False, first.picks)
        assert session.override("strategy", beta=3.0).pick(4).fresh


def test_what_asks_for_boxes_is_refused_where_there_are_none(site):
    with site.init() as session:
        session.train()
        for name in ("localisation", "box-doubt"):
            with pytest.raises(ConfigError, match=r"(?s)of boxes.*detection"):
                session.override("strategy", acquisition=name, selection="top-k").pick(4)
        with pytest.raises(ConfigError, match="weight of boxes"):
            session.override("strategy", class_weights="difficulty").pick(4)
        assert [one.state for one in session.project.store.rounds()] == ["trained"]
    with pytest.raises(ConfigError, match=r"localisation, which needs spread of boxes"):
        site.init(strategy={"acquisition": "localisation", "selection": "top-k"})


def test_the_same_seed_gives_the_same_picks_and_another_seed_others(site, tmp_path):
    batches = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        session = Session.init(
            tmp_path / place,
            {
                "pool": {"source": str(site.pool)},
                "classes": list("0123456789"),
                "seed": seed,
                "model": {"name": "gal-cnn", "size": 8, "channels": 1},
                "train": {"max_steps": 25, "min_steps": 10},
                "strategy": {"draws": 6},
            },
            labels=site.csv(site.known(sorted(site.truth)[:20])),
        )[0]
        with session:
            session.train()
            batches.append(ids(session.pick(8)))
    assert batches[0] == batches[1]
    assert batches[0] != batches[2]


def test_without_labels_the_first_batch_is_random_and_says_so(site):
    with site.init(n_labels=0, n_test=0) as session:
        picked = session.pick(6)
        assert picked.number == 0
        assert "random" in picked.note
        session.import_labels(site.answer(session), "me")
        assert session.train().round.number == 1


def test_a_batch_that_is_half_labelled_is_not_replaced_by_an_older_models(site):
    with site.init() as session:
        session.train()
        session.pick(5)
        store = session.project.store
        name = Path(store.images()[store.picks(1)[0].image_id].uri).name
        session.import_labels(site.csv(site.known([name])), "me")
        assert not session.pick(5).fresh  # the same request: the same batch, to go on labelling
        with pytest.raises(SelectionError, match="askance train"):
            session.pick(7)


def test_another_request_before_any_label_replaces_the_batch(site):
    with site.init() as session:
        session.train()
        five = ids(session.pick(5))
        seven = ids(session.pick(7))
        assert seven[:5] == five
        assert len(session.project.store.picks(1)) == 7
        other = session.override("strategy", acquisition="random")
        assert ids(other.pick(7)) != seven


def test_a_test_set_is_random_frozen_and_never_picked(site):
    with site.init(n_test=0) as session:
        chosen = session.pick_for_split("test", 15)
        assert len(chosen) == 15
        assert (
            session.pick_for_split("test", 15) == []
        )  # a set of 15 is a set of 15, however often it is asked for
        csv = site.folder / "test.csv"
        assert session.export_batch(csv=csv, folder=None, copy=False, split="test").images == 15
        session.train()
        batch = ids(session.pick(10))
        assert not set(batch) & set(chosen)
        assert not set(session.pick_for_split("val", 7)) & {
            *batch,
            *chosen,
        }  # nor is what was asked for taken away
        for n, split in ((0, "test"), (40, "test"), (3, "train")):
            with pytest.raises(SelectionError):
                session.pick_for_split(split, n)


def test_images_of_one_group_lie_on_one_side(site):
    rows = [(name, f"belt {i // 6}") for i, name in enumerate(sorted(site.truth))]
    pool = site.csv([(f"{site.pool}/{name}", group) for name, group in rows], "path,group", "pool.csv")
    with site.init(n_labels=0, n_test=0, pool={"source": str(pool)}) as session:
        chosen = session.pick_for_split("test", 5)
        images = session.project.store.images()
        inside = {images[image_id].group for image_id in chosen}
        outside = {record.group for image_id, record in images.items() if image_id not in set(chosen)}
        assert len(chosen) >= 5
        assert not inside & outside


def test_groups_are_the_word_of_the_pool_and_a_label_file_that_says_others_is_told(site, capsys):
    names = sorted(site.truth)[:6]
    pool = site.csv([(f"{site.pool}/{name}", "belt 1") for name in names[:4]], "path,group", "pool.csv")
    with site.init(n_labels=0, n_test=0, pool={"source": str(pool)}) as session:
        groups = ["belt 1", "belt 2", "", "belt 3"]
        rows = [(*row, group) for row, group in zip(site.known(names[:4]), groups, strict=True)]
        done = session.import_labels(site.csv(rows, "path,label,group"), "me")
        assert (done.new, done.rejected, done.other_groups) == (4, (), 2)
        assert {image.group for image in session.project.store.images().values()} == {"belt 1"}
        print_imported(done)
        assert "2 images have another group" in capsys.readouterr().out
        session.export_labels(site.folder / "all.csv")
        again = session.import_labels(site.folder / "all.csv", "me")
        assert (again.unchanged, again.other_groups) == (4, 0)
        print_imported(again)
        assert "group" not in capsys.readouterr().out
    settings = {"pool": {"source": str(site.pool)}, "classes": list("0123456789")}
    with Session.init(site.folder / "other", settings)[0] as session:  # a folder says nothing of groups
        assert session.import_labels(site.folder / "labels.csv", "me").other_groups == 3


def test_a_model_file_that_is_gone_is_made_again(site):
    with site.init() as session:
        first = session.train()
        (session.project.round_folder(1) / "model.safetensors").unlink()
        with pytest.raises(ModelError, match="askance train"):
            session.pick(5)
        assert session.train().metrics == first.metrics
        assert len(session.pick(5).picks) == 5


def test_new_images_are_found_by_the_next_pick(site):
    with site.init() as session:
        session.train()
        Image.new("L", (8, 8), 200).save(site.pool / "later.png")
        session.pick(31)
        images = session.project.store.images()
        assert any(Path(images[pick.image_id].uri).name == "later.png" for pick in session.project.store.picks(1))


def test_a_project_is_found_from_a_folder_inside_it(site):
    with site.init() as session:
        session.train()
    with Session.open(site.folder / "project" / "rounds" / "0001") as again:
        assert again.project.root == site.folder / "project"
    with pytest.raises(ConfigError, match="is a project already"):
        site.init()


def test_a_training_that_was_cut_off_goes_on_and_leaves_nothing_behind(site, monkeypatch):
    taken, cut, real = [], [15], steps._finite

    def finite(loss, step, rate):
        if len(taken) == cut[0]:
            raise KeyboardInterrupt
        taken.append(step)
        return real(loss, step, rate)

    monkeypatch.setattr(resume, "EVERY", 0.0)
    monkeypatch.setattr(resume, "SHARE", 1e9)
    monkeypatch.setattr(steps, "_finite", finite)
    with site.init() as session:
        with pytest.raises(KeyboardInterrupt):
            session.train()
        kept = session.project.root / "training"
        assert len(list(kept.iterdir())) == 1
        cut[0] = 1000
        session.train()
        assert taken == list(range(1, 26))
        assert not kept.exists()
