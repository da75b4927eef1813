"""Pixels, features, metrics."""

import numpy as np
import pytest
import torch

from askance.networks import pixels as looking
from askance.networks.features import MemoryCache
from askance.networks.pixels import Normalisation, read
from askance.pool import FeatureCache, Look
from askance.tasks.classification.metrics import metrics
from askance.vocab import Labelled, ModelError

NONE = Labelled((), ())


def test_normalisation_is_the_equation():
    pixels = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    found = Normalisation(0.4, 0.2)(pixels)
    torch.testing.assert_close(found, (pixels / 255 - 0.4) / 0.2)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("limit", [2 << 30, 100])
def test_pixels_are_read_once_in_memory_or_on_disk(world, monkeypatch, limit):
    monkeypatch.setattr(looking, "IN_MEMORY", limit)
    monkeypatch.setattr(looking, "_READ", 7)
    images = world.images(broken=[0, 13])
    found = read(images, world.ids, Look(8, 1))
    assert images.reads == 40
    assert found.places == [i for i in range(40) if i not in (0, 13)]
    assert np.array_equal(found.values.numpy()[:, 0], world.pixels[found.places][:, 0])


def test_features_of_a_frozen_trunk_are_computed_once_an_image(world, tmp_path):
    images = world.images()
    task = world.task(model={"train": "head"}, images=images, features=tmp_path)
    net = task.fit(world.labelled(*range(8)), world.labelled(30, 31), warm=None, seed=0).model
    assert images.reads == 10
    fresh = torch.cat([c.units.draws.log_probs for c in task.draws(net, world.ids, k=4, seed=0)])
    assert images.reads == 40
    second = world.images(broken=range(40))  # nothing can be read any more, nothing has to be
    cached = world.task(model={"train": "head"}, images=second, features=tmp_path)
    again = torch.cat([c.units.draws.log_probs for c in cached.draws(net, world.ids, k=4, seed=0)])
    assert second.reads == 0
    assert torch.equal(fresh, again)
    memory = world.task(model={"train": "head"})
    assert torch.equal(
        fresh, torch.cat([c.units.draws.log_probs for c in memory.draws(net, world.ids, k=4, seed=0)])
    )


@pytest.mark.parametrize("change", [{"mean": 0.4}, {"std": 0.4}, {"fit": "crop"}])
def test_a_cache_of_another_look_is_not_read(world, tmp_path, change):
    net = (
        world.task(model={"train": "head"}, features=tmp_path)
        .fit(world.labelled(*range(8)), NONE, warm=None, seed=0)
        .model
    )
    images = world.images()
    task = world.task(model={"train": "head", **change}, images=images, features=tmp_path)
    list(task.draws(net, world.ids[:8], k=2, seed=0))
    assert images.reads == 8


def test_a_cache_of_other_weights_is_not_read(world, tmp_path):
    images = world.images()
    task = world.task(model={"train": "head"}, images=images, features=tmp_path)
    for seed in (0, 1):  # no weights are given, so another seed is another trunk
        task.fit(world.labelled(*range(8)), NONE, warm=None, seed=seed)
    assert images.reads == 16


def test_head_mode_and_scoring_leave_the_trunk_alone(world):
    from askance.tasks.classification import build
    from askance.vocab.config import ModelConfig

    model = {"name": "resnet18", "size": 32, "channels": 1, "train": "head"}
    big = type(world)(size=32)
    task = big.task(model=model, train={"max_steps": 3})
    start = build(ModelConfig(**model), 4, seed=0)
    before = {key: value.clone() for key, value in start.trunk.state_dict().items()}
    net = task.fit(big.labelled(*range(8)), NONE, warm=start, seed=0).model
    list(task.draws(net, big.ids[:8], k=2, seed=0))
    assert all(torch.equal(value, before[key]) for key, value in net.trunk.state_dict().items())
    assert not torch.equal(net.head[1].weight, start.head[1].weight)


def test_features_that_are_not_finite_are_refused(world):
    task = world.task(model={"train": "head", "std": 1e-9})
    with pytest.raises(ModelError, match="finite features"):
        task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0)


def test_memory_cache_is_the_feature_cache(tmp_path):
    rows = np.arange(6, dtype=np.float16).reshape(2, 3)
    for cache in (MemoryCache(3), FeatureCache(tmp_path, 3)):
        assert cache.missing(["a" * 32, "b" * 32]) == [0, 1]
        cache.append(["a" * 32, "b" * 32], rows)
        assert cache.missing(["b" * 32, "c" * 32]) == [1]
        assert np.array_equal(cache.read(["b" * 32, "a" * 32]), rows[::-1])
        assert cache.read([]).shape == (0, 3)


def test_metrics_against_plain_counting():
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.randn(60, 3, generator=generator, dtype=torch.float64).log_softmax(1)
    targets = torch.randint(0, 2, (60,), generator=generator)  # class 2 is absent
    found = metrics(log_probs, targets, ["x", "y", "z"])
    said = log_probs.argmax(1)
    recalls = [float((said[targets == c] == c).double().mean()) for c in (0, 1)]
    assert found["accuracy"] == pytest.approx(float((said == targets).double().mean()))
    assert found["error"] == pytest.approx(1 - found["accuracy"])
    assert found["nll"] == pytest.approx(sum(-float(log_probs[i, t]) for i, t in enumerate(targets)) / 60)
    assert found["recall/x"] == pytest.approx(recalls[0])
    assert found["macro_recall"] == pytest.approx(sum(recalls) / 2)
    assert "recall/z" not in found
    confidence, right = log_probs.exp().max(1).values, (said == targets).double()
    ece = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            ece += float(inside.double().mean() * (right[inside].mean() - confidence[inside].mean()).abs())
    assert found["ece"] == pytest.approx(ece, abs=1e-6)
    brier = (log_probs.exp() - torch.nn.functional.one_hot(targets, 3)).square().sum(1).mean()
    assert found["brier"] == pytest.approx(float(brier))
    order = confidence.argsort()
    parts = [order[range(b * 60 // 15, (b + 1) * 60 // 15)] for b in range(15)]
    adaptive = sum(float((right[part].mean() - confidence[part].mean()).abs()) / 15 for part in parts)
    assert found["adaptive_ece"] == pytest.approx(adaptive)


def test_of_two_classes_the_ranking_is_measured_too():
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.randn(40, 2, generator=generator).mul(2).round().log_softmax(1)  # rounded: some are equal
    targets = torch.randint(0, 2, (40,), generator=generator)
    found = metrics(log_probs, targets, ["x", "y"])["auroc"]
    odds = (log_probs[:, 1] - log_probs[:, 0]).tolist()
    ones, zeros = ([o for o, t in zip(odds, targets.tolist(), strict=True) if t == c] for c in (1, 0))
    won = sum((a > b + 1e-6) + 0.5 * (abs(a - b) <= 1e-6) for a in ones for b in zeros)
    assert found == pytest.approx(won / (len(ones) * len(zeros)))
    sure = torch.tensor([[-40.0, 0.0], [-50.0, 0.0], [-45.0, 0.0]])  # exp of all is 1 to the last digit
    assert metrics(sure, torch.tensor([0, 1, 0]), ["x", "y"])["auroc"] == 1.0
    assert "auroc" not in metrics(log_probs, torch.zeros(40, dtype=torch.long), ["x", "y"])
    assert "auroc" not in metrics(log_probs.repeat(1, 2).log_softmax(1), targets, list("wxyz"))


@pytest.mark.parametrize("n_classes", [2, 5])
def test_recall_and_ranking_are_torchmetrics(n_classes):
    from torchmetrics.functional.classification import binary_auroc, multiclass_recall

    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        log_probs = torch.randn(200, n_classes, generator=generator).mul(2).round().log_softmax(1)  # many ties
        targets = torch.randint(0, n_classes - (n_classes > 2), (200,), generator=generator)  # one is absent of 5
        found = metrics(log_probs, targets, list("vwxyz")[:n_classes])
        recall = multiclass_recall(log_probs, targets, n_classes, average="none")
        for c in targets.unique().tolist():
            assert found[f"recall/{'vwxyz'[c]}"] == float(recall[c])  # to the bit
        if n_classes == 2:
            assert found["auroc"] == pytest.approx(float(binary_auroc(log_probs.exp()[:, 1], targets)), abs=1e-6)
