"""Every posterior by its setting: fitted after training, drawn from, saved and read back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from askance.acquisition import bald
from askance.maths import Draws
from askance.networks.drawing import KINDS
from askance.pool import ArrayImages
from askance.tasks.classification import Classification
from askance.training import posteriors
from askance.uncertainty import LastLayerLaplace, SplitNet, held_out_precision
from askance.vocab import ConfigError, Labelled, ModelError
from askance.vocab.config import ModelConfig, TrainConfig

CLASSES = ("a", "b", "c")


def pool(n: int = 90) -> tuple[ArrayImages, Labelled]:
    """Images of 8 x 8 pixels: three bright corners, with noise."""
    generator = np.random.default_rng(0)
    targets = np.arange(n) % 3
    pixels = generator.integers(0, 160, (n, 8, 8)).astype(np.uint8)
    for i, target in enumerate(targets):
        row, column = divmod(int(target), 2)
        pixels[i, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 60
    ids = [f"i{i:03d}" for i in range(n)]
    return ArrayImages(pixels, ids), Labelled(tuple(ids), tuple(int(t) for t in targets))


def task(images: ArrayImages, **model: object) -> Classification:
    look = {"name": "pixels", "size": 8, "channels": 1, "mean": 0.3, "std": 0.3, "train": "head", "dropout": 0.3}
    train = TrainConfig(min_steps=100, max_steps=200, batch=15, device="cpu", weight_decay=(0.3,))
    return Classification(ModelConfig.model_validate({**look, "members": 3, **model}), train, CLASSES, images)


def draws_of(one: Classification, net: SplitNet, ids: tuple[str, ...], k: int = 12, seed: int = 3) -> Draws:
    return Draws.cat([chunk.units.draws for chunk in one.draws(net, ids, k=k, seed=seed)])


@pytest.mark.parametrize("name", ["mc-dropout", *KINDS])
def test_from_training_to_draws_and_back(name: str, tmp_path: Path) -> None:
    images, labelled = pool()
    one = task(images, posterior=name)
    known = Labelled(labelled.ids[:45], labelled.targets[:45])
    fitted = one.fit(known, Labelled((), ()), warm=None, seed=0)
    net = fitted.model
    assert (net.posterior is None) == (name == "mc-dropout")
    assert fitted.log.get("posterior", "mc-dropout") == name
    draws = draws_of(one, net, labelled.ids)
    most = {"softmax": 1, "ensemble": 3, "snapshots": 3}.get(name, 12)
    assert (draws.k, draws.joint) == (most, name != "dropout-moments")
    assert float(bald(draws).mean()) > 1e-5 or name == "softmax"
    assert one.measure(net, labelled, k=12, seed=3)["accuracy"] > 0.8
    again = one.fit(known, Labelled((), ()), warm=None, seed=0).model
    assert torch.equal(draws_of(one, again, labelled.ids).log_probs, draws.log_probs)
    one.save(net, tmp_path / "m.safetensors")
    read = task(images, posterior=name).load(tmp_path / "m.safetensors")
    assert type(read.posterior) is type(net.posterior)
    torch.testing.assert_close(draws_of(one, read, labelled.ids).log_probs, draws.log_probs)
    warm = one.fit(labelled, Labelled((), ()), warm=read, seed=1).model
    assert not torch.equal(draws_of(one, warm, labelled.ids).log_probs, draws.log_probs)


@pytest.mark.parametrize("hidden", [0, 16])
def test_after_a_trunk_that_was_trained_too(hidden: int) -> None:
    """The posterior is over the head, for the trunk as training left it."""
    images, labelled = pool(45)
    one = task(images, name="gal-cnn", train="all", posterior="laplace", hidden=hidden)
    net = one.fit(labelled, Labelled((), ()), warm=None, seed=0).model
    draws = draws_of(one, net, labelled.ids)
    plain = one.measure(net, labelled, k=50, seed=0)
    assert draws.joint
    assert plain["accuracy"] == pytest.approx(plain["accuracy_deterministic"], abs=0.1)


def test_what_a_fit_says_of_itself() -> None:
    images, labelled = pool(45)
    log = task(images, posterior="laplace").fit(labelled, Labelled((), ()), warm=None, seed=0).log
    assert float(str(log["prior_precision"])) > 0
    assert float(str(log["log_evidence"])) < 0
    log = task(images, posterior="ensemble").fit(labelled, Labelled((), ()), warm=None, seed=0).log
    assert log["members"] == 3
    cut_short = task(images, posterior="ensemble", members=4)
    cut_short._train = cut_short._train.model_copy(update={"min_steps": 1, "max_steps": 2})
    log = cut_short.fit(labelled, Labelled((), ()), warm=None, seed=0).log
    assert (log["members"], log["members_not_converged"]) == (4, 3)


def test_moments_of_a_head_with_a_hidden_layer() -> None:
    images, labelled = pool(45)
    one = task(images, posterior="dropout-moments", hidden=8)
    net = one.fit(labelled, Labelled((), ()), warm=None, seed=0).model
    draws = Draws.cat([chunk.units.draws for chunk in one.draws(net, list(labelled.ids), k=6, seed=0)])
    assert (len(draws), draws.k, draws.joint) == (45, 6, False)


def test_the_prior_of_laplace_is_chosen_by_labels_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each label is held out once, from a head that was trained and fitted to all others."""
    images, labelled = pool(45)
    known = Labelled(labelled.ids[:30], labelled.targets[:30])
    asked = []

    def watched(folds: list[tuple[LastLayerLaplace, torch.Tensor, torch.Tensor]]) -> tuple[float, float]:
        asked.extend(folds)
        return held_out_precision(folds)

    monkeypatch.setattr(posteriors, "held_out_precision", watched)
    one = task(images, posterior="laplace")
    fitted = one.fit(known, Labelled((), ()), warm=None, seed=0)
    assert [len(targets) for _, _, targets in asked] == [6] * 5
    rows = torch.cat([features for _, features, _ in asked])
    assert len(rows.unique(dim=0)) == 30
    assert len({float(fold.head[-1].weight.sum()) for fold, _, _ in asked}) == 5
    assert all(sorted(set(targets.tolist())) == [0, 1, 2] for _, _, targets in asked)
    assert fitted.log["prior_precision"] == held_out_precision(asked)[0]
    assert fitted.log["folds_nll"] == pytest.approx(held_out_precision(asked)[1])
    assert fitted.log["prior_precision_by"] == "least loss over 5 folds of the training labels"
    turned = Labelled(known.ids[::-1], known.targets[::-1])
    assert one.fit(turned, Labelled((), ()), warm=None, seed=0).log["folds_nll"] == fitted.log["folds_nll"]


def test_the_prior_of_laplace_by_the_evidence(tmp_path: Path) -> None:
    images, labelled = pool(45)
    few = Labelled(labelled.ids[:3], labelled.targets[:3])
    log = task(images, posterior="laplace").fit(few, Labelled((), ()), warm=None, seed=0).log
    assert log["prior_precision_by"] == "evidence: no class has two labels for folds"
    one = task(images, posterior="laplace", prior="evidence")
    fitted = one.fit(labelled, Labelled((), ()), warm=None, seed=0)
    assert fitted.log["prior_precision_by"] == "evidence"
    assert "folds_nll" not in fitted.log
    one.save(fitted.model, tmp_path / "m.safetensors")
    read = task(images, posterior="laplace").load(tmp_path / "m.safetensors")  # the file has its precision
    torch.testing.assert_close(
        draws_of(one, read, labelled.ids).log_probs, draws_of(one, fitted.model, labelled.ids).log_probs
    )


def test_refusals(tmp_path: Path) -> None:
    images, labelled = pool(45)
    branches = {"drop_path_rate": 0.2, "in_chans": 1}
    whole = task(
        images, name="resnet10t", head="own", size=8, train="all", options=branches, posterior="dropout-moments"
    )
    with pytest.raises(ModelError, match=r"ends with nn.Linear"):
        whole.fit(labelled, Labelled((), ()), warm=None, seed=0)
    whole = task(images, name="resnet10t", head="own", size=8, train="all", options=branches, posterior="laplace")
    with pytest.raises(ConfigError, match="mc-dropout"):
        whole.fit(labelled, Labelled((), ()), warm=None, seed=0)
    one = task(images, posterior="laplace")
    net = one.fit(labelled, Labelled((), ()), warm=None, seed=0).model
    one.save(net, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="posterior = swag"):
        task(images, posterior="swag").load(tmp_path / "m.safetensors")


def test_a_class_that_only_validation_has_is_named() -> None:
    images, labelled = pool(45)
    two = [i for i, target in enumerate(labelled.targets) if target != 2]
    train = Labelled(tuple(labelled.ids[i] for i in two), tuple(labelled.targets[i] for i in two))
    log = task(images).fit(train, Labelled(labelled.ids[2:5], labelled.targets[2:5]), warm=None, seed=0).log
    assert (log["classes_without_labels"], log["classes_only_validated"]) == (["c"], ["c"])
    log = task(images).fit(train, Labelled((), ()), warm=None, seed=0).log
    assert (log["classes_without_labels"], log["classes_only_validated"]) == (["c"], [])
