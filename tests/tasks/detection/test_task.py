"""Detection as the loop sees it: fit, draws, features, measure, explain, save, load."""

import json

import pytest
import torch

from askance.acquisition import score
from askance.loop.step import Beside, pick, score_pool
from askance.loop.strategy import Strategy
from askance.maths import log_mean_probs
from askance.vocab import ConfigError, LabelError, ModelError
from askance.vocab.box_diagnosis import BoxDiagnosis


def same(one, two):
    return all(
        torch.equal(a, b)
        for x, y in zip(one.heads, two.heads, strict=True)
        for a, b in zip(x.state_dict().values(), y.state_dict().values(), strict=True)
    )


def test_learns_what_can_be_learnt(place, fitted):
    task, done = fitted
    found = task.measure(done.model, place.labelled(0, 1, 2, 3, 24, 25), k=2, seed=0)
    assert found["ap50"] >= 0.8
    assert done.log["objects"] == 40
    assert all(0 < q <= 1 for q in done.model.quality)


def test_same_inputs_same_model_whatever_the_order(place, fitted):
    _, done = fitted
    torch.manual_seed(3)
    before = torch.get_rng_state()
    again = place.task().fit(place.labelled(*reversed(range(4, 24))), place.labelled(), warm=None, seed=0)
    assert same(done.model, again.model)
    assert torch.equal(torch.get_rng_state(), before)
    assert not same(
        done.model, place.task().fit(place.labelled(*range(4, 24)), place.labelled(), warm=None, seed=1).model
    )


def test_units_are_boxes_of_the_image_with_all_that_is_said_of_them(place, fitted):
    task, done = fitted
    chunks = list(task.draws(done.model, place.ids, k=2, seed=0))
    units = chunks[0].units
    assert chunks[0].positions.tolist() == list(range(30))
    assert {"boxes", "confidence", "label", "features", "spread", "seen", "weight"} <= set(units.about)
    boxes = units.about["boxes"]
    assert ((boxes >= 0) & (boxes <= torch.tensor([96.0, 64.0, 96.0, 64.0]))).all()
    best = log_mean_probs(units.draws.log_probs)[:, :-1].argmax(1)
    assert torch.equal(best, units.about["label"])
    assert (units.about["weight"] >= 1).all()
    mine = (units.image == 0) & (units.about["label"] == 0)
    surest = boxes[mine][units.about["confidence"][mine].argmax()]
    red = place.said[0].objects[0].box
    assert (surest - torch.tensor([red.left, red.top, red.right, red.bottom])).abs().max() < 8


def test_draws_do_not_depend_on_chunks(place, fitted, monkeypatch):
    task, done = fitted
    whole = torch.cat([c.units.draws.log_probs for c in task.draws(done.model, place.ids, k=2, seed=0)])
    monkeypatch.setattr("askance.tasks.detection.task.CHUNK", 7)
    parts = torch.cat([c.units.draws.log_probs for c in place.task().draws(done.model, place.ids, k=2, seed=0)])
    assert torch.allclose(whole, parts, atol=1e-5)


def test_a_broken_image_is_left_out_and_said(place):
    task = place.task(images=place.images(broken=[5, 20]), detector={"epochs": 2})
    done = task.fit(place.labelled(*range(4, 12)), place.labelled(), warm=None, seed=0)
    assert (done.log["images"], done.log["unreadable"]) == (7, 1)
    positions = torch.cat([chunk.positions for chunk in task.draws(done.model, place.ids, k=2, seed=0)])
    assert positions.tolist() == [i for i in range(30) if i not in (5, 20)]
    assert set(task.problems) == {place.ids[5], place.ids[20]}
    said = task.explain(done.model, [place.ids[5], place.ids[6]], k=2, seed=0)
    assert said[0] == {"problem": "truncated file"}
    assert said[1]["size"] == [96, 64]
    json.dumps(said)


def test_saved_and_read_back(place, fitted, tmp_path):
    task, done = fitted
    task.save(done.model, tmp_path / "model.safetensors")
    again = place.task().load(tmp_path / "model.safetensors")
    assert same(done.model, again)
    assert (again.levels, again.classes, again.quality) == (
        done.model.levels,
        done.model.classes,
        done.model.quality,
    )
    first = (tmp_path / "model.safetensors").read_bytes()
    task.save(done.model, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() == first


def test_a_model_of_other_maps_or_classes_is_refused(place, fitted, tmp_path):
    task, done = fitted
    file = tmp_path / "model.safetensors"
    task.save(done.model, file)
    with pytest.raises(ModelError, match="96 x 96"):
        place.task(detector={"input": (96, 96)}).load(file)
    other = place.task(classes=("red", "green"))
    with pytest.raises(ModelError, match="train again"):
        other.measure(other.load(file), place.labelled(0), k=2, seed=0)
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="digest"):
        task.load(file)


def test_warm_heads_go_on_from_where_they_were(place, fitted):
    task, done = fitted
    again = place.task().fit(place.labelled(*range(4, 24)), place.labelled(), warm=done.model, seed=9)
    assert again.log["start"] == "from the last round"
    assert task.measure(again.model, place.labelled(0, 1, 2, 3), k=2, seed=0)["ap50"] >= 0.8


def test_nothing_to_learn_and_nothing_to_measure(place, fitted):
    task, done = fitted
    with pytest.raises(LabelError, match="an object in it"):
        task.fit(place.labelled(24, 25), place.labelled(), warm=None, seed=0)
    with pytest.raises(LabelError):
        task.measure(done.model, place.labelled(), k=2, seed=0)
    with pytest.raises(ConfigError, match="ensemble or"):
        place.task(model={"posterior": "laplace"})
    with pytest.raises(ConfigError, match="each once"):
        place.task(classes=("red", "red"))


def test_rows_of_images_with_and_without_a_model(place, fitted):
    task, done = fitted
    for model in (None, done.model):
        rows = torch.cat([chunk.rows for chunk in task.features(model, place.ids)])
        assert rows.shape[0] == 30
        assert torch.allclose(rows.norm(dim=1), torch.ones(30), atol=1e-4)
        half = torch.cat([chunk.rows for chunk in task.features(model, place.ids[15:])])
        assert torch.allclose(rows[15:], half, atol=1e-5)


def test_strangers_are_far_from_the_labelled(place, fitted):
    task, done = fitted
    known = place.labelled(*range(4, 24))
    near = torch.cat([chunk.log_density for chunk in task.log_density(done.model, place.ids, labelled=known)])
    assert near[4:24].median() > near[24:].median()


@pytest.mark.parametrize(
    "name",
    [
        *("bald", "power:bald", "max-entropy", "localisation", "box-count", "random", "class-balanced-random"),
        *("max-herding", "uncertainty-herding:bald", "novelty"),
    ],
)
def test_every_kind_of_strategy_picks(place, fitted, name):
    task, done = fitted
    strategy = Strategy.parse(name, 10)
    beside = Beside(labelled=place.labelled(*range(4, 10)))
    ids = place.ids[10:]
    scored = score_pool(task, done.model, ids, strategy, seed=0, beside=beside)
    first, second = (pick(scored, ids, strategy, n=6, seed=0) for _ in range(2))
    assert first == second
    assert len(set(first.ids)) == 6


def test_the_pool_scores_as_its_images_do_alone(place, fitted):
    task, done = fitted
    strategy = Strategy.parse("bald", 10)
    whole = score_pool(task, done.model, place.ids, strategy, seed=0).scores
    alone = [score_pool(task, done.model, [name], strategy, seed=0).scores[0] for name in place.ids[:5]]
    assert whole[:5].tolist() == pytest.approx(alone, abs=1e-6)
    units = next(iter(task.draws(done.model, place.ids, k=10, seed=0))).units
    assert score("bald", draws=units.draws).max() > 0


def test_a_diagnosis_counts_what_is_found(place, fitted):
    task, done = fitted
    found = task.diagnose(done.model, place.labelled(), place.labelled(0, 1, 2, 24), k=2, seed=0)
    assert isinstance(found, BoxDiagnosis)
    assert (found.tested, found.empty) == (4, 1)
    assert [one.objects for one in found.classes] == [3, 3]
    assert found.ap50 == pytest.approx(task.measure(done.model, place.labelled(0, 1, 2, 24), k=2, seed=0)["ap50"])
