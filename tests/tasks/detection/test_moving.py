"""The trunk trained with its heads: what moves, what is kept, and that it comes back from disk."""

import pytest
import torch

from askance.tasks.detection import detection_by
from askance.vocab import ConfigError, ModelError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

TRAIN, VAL = range(4, 24), (0, 1, 2, 3, 24, 25)


def fit(place, moves, val=(), *, seed=0, epochs=4, **options):
    task = place.task(model={"train": moves}, detector={"epochs": epochs}, **options)
    return task, task.fit(place.labelled(*TRAIN), place.labelled(*val), warm=None, seed=seed)


@pytest.fixture(scope="module")
def moved(place):
    return fit(place, "all")


def answers(task, model, ids):
    units = next(iter(task.draws(model, ids, k=2, seed=0))).units
    return units.about["boxes"], units.draws.log_probs


def test_all_of_the_trunk_moves_and_learns(place, moved):
    task, done = moved
    _, frozen = fit(place, "head")
    assert done.log["moves"] == "all"
    assert done.log["kept"] == "trained"
    assert done.log["validation_after"] is None
    loss = [sum(one.log["loss"]) / 2 for one in (frozen, done)]
    assert loss[0] == loss[1]  # heads are trained on the frozen maps first, then both
    assert done.log["whole_loss"] < loss[0]
    own = dict(task._trunk._network.network.named_parameters())
    assert all(name in own and not torch.equal(own[name], weight) for name, weight in done.model.moved.items())
    assert len(done.model.moved) > len(own) / 2


def test_the_trunk_that_came_stays_as_it_is(place, moved):
    task, done = moved
    before = place.task()._trunk._network.network.state_dict()
    after = task._trunk._network.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    maps = task._reader.of(place.ids[:2]).levels
    other = task._reader_of(done.model).of(place.ids[:2]).levels
    assert not any(torch.equal(a, b) for a, b in zip(maps, other, strict=True))


def test_blocks_are_those_that_the_finest_map_does_not_follow_from(place):
    task, done = fit(place, "blocks", epochs=2)
    _, everything = fit(place, "all", epochs=2)
    assert 0 < len(done.model.moved) < len(everything.model.moved)
    maps = task._reader.known(place.ids[:2])
    other = task._reader_of(done.model).known(place.ids[:2])
    assert torch.equal(maps[0], other[0])
    assert not torch.equal(maps[-1], other[-1])


def test_same_seed_same_weights_and_nobody_elses_numbers(place, moved):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    _, again = fit(place, "all")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(moved[1].model.moved[name], weight) for name, weight in again.model.moved.items())
    _, other = fit(place, "all", seed=1)
    assert not all(torch.equal(moved[1].model.moved[name], weight) for name, weight in other.model.moved.items())


@pytest.mark.parametrize(("rate", "kept"), [(2e-4, True), (0.08, False)])
def test_kept_only_if_better_on_validation(place, rate, kept):
    task, done = fit(place, "all", VAL, train={"trunk_learning_rate": rate})
    before, after = done.log["validation_before"], done.log["validation_after"]
    assert (after > before) is kept
    assert bool(done.model.moved) is kept
    found = task.measure(done.model, place.labelled(*VAL), k=1, seed=0)["ap50"]
    assert found == (after if kept else before)


@pytest.mark.parametrize(("rate", "came_to"), [(0.3, "NaN or a number beyond float16"), (10.0, "nan at step")])
def test_heads_alone_are_kept_where_the_trunk_runs_away(place, rate, came_to):
    task, done = fit(place, "all", train={"trunk_learning_rate": rate})
    assert came_to in done.log["kept"]
    assert not done.model.moved
    list(task.draws(done.model, place.ids, k=2, seed=0))


def test_comes_back_from_disk(place, moved, tmp_path):
    task, done = moved
    task.save(done.model, tmp_path / "model.safetensors")
    back = task.load(tmp_path / "model.safetensors")
    for a, b in zip(answers(task, done.model, place.ids), answers(task, back, place.ids), strict=True):
        assert torch.equal(a, b)
    plain = place.task()
    again = answers(plain, plain.load(tmp_path / "model.safetensors"), place.ids)
    assert torch.equal(
        again[1], answers(task, back, place.ids)[1]
    )  # the file says what was moved, not the settings


def test_heads_of_a_moved_trunk_do_not_go_on_from(place, moved):
    task, done = moved
    again = task.fit(place.labelled(*TRAIN), place.labelled(), warm=done.model, seed=0)
    assert again.log["start"] == "from scratch"


def test_maps_of_a_moved_trunk_are_not_kept(place, tmp_path):
    task, done = fit(place, "all", epochs=1, features=tmp_path / "maps")
    list(task.draws(done.model, place.ids, k=2, seed=0))
    kept = sorted(path.name for path in (tmp_path / "maps").glob("maps-*"))
    assert len(kept) == 2  # of the trunk as it came: images that were trained on, and their mirrors
    lines = [(tmp_path / "maps" / name / "ids.txt").read_text().split() for name in kept]
    assert all(len(ids) == len(TRAIN) for ids in lines)


def test_weights_of_another_trunk_are_refused(place, moved):
    task, _ = moved
    with pytest.raises(ModelError, match="got:    stem of another among them"):
        task._trunk.moved({"stem of another": torch.zeros(3)})
    name, weight = next(iter(moved[1].model.moved.items()))
    with pytest.raises(ModelError, match="among them"):
        task._trunk.moved({name: torch.zeros(*weight.shape, 2)})


@pytest.mark.parametrize(
    ("model", "train", "match"),
    [
        ({"train": "head"}, {"trunk_learning_rate": 1e-4}, "train.trunk_learning_rate"),
        ({"name": "torchvision/fcos_resnet50_fpn", "train": "blocks"}, {}, "model.train = blocks"),
        ({"train": "all"}, {"augment": "flips"}, "train.augment"),
    ],
)
def test_settings_that_nothing_listens_to_are_refused(place, model, train, match):
    config = ModelConfig(**{"name": "timm/test_efficientnet", "posterior": "ensemble", **model})
    with pytest.raises(ConfigError, match=match):
        detection_by(config, TrainConfig(**train), DetectorConfig(), ("a",), place.images(), sizes={})
