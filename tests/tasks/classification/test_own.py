"""Networks as they are, with their own dropouts, from training to scores."""

import gc
import weakref
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from askance.networks import drawing as drawing_room
from askance.networks.drawing import drawing
from askance.networks.model import build, classes_of
from askance.pool import ArrayImages
from askance.tasks.classification import Classification
from askance.uncertainty import HeadDraws, StochasticNet, look_at, mc_dropout
from askance.vocab import Labelled, ModelError
from askance.vocab.config import ModelConfig, TrainConfig

CLASSES = ("dark", "bright", "striped")


def images(n: int = 60) -> tuple[ArrayImages, Labelled]:
    """Three kinds of 32 x 32 images that a network can tell apart."""
    generator = np.random.default_rng(0)
    targets = np.arange(n) % 3
    pixels = generator.integers(0, 60, (n, 32, 32)).astype(np.uint8)
    pixels[targets == 1] += 150
    pixels[targets == 2, ::4] += 180
    pixels = np.repeat(pixels[:, None], 3, axis=1)
    ids = [f"i{i:03d}" for i in range(n)]
    return ArrayImages(pixels, ids), Labelled(tuple(ids), tuple(int(t) for t in targets))


def task(pool: ArrayImages, folder: Path | None = None, **model: object) -> Classification:
    config = ModelConfig.model_validate({"size": 32, "mean": 0.4, "std": 0.3, "head": "own", **model})
    train = TrainConfig(min_steps=20, max_steps=40, batch=8, learning_rate=3e-3, device="cpu", weight_decay=(0.1,))
    return Classification(config, train, CLASSES, pool, features=folder)


def spread(lines: list[Tensor]) -> float:
    """The largest standard deviation over draws of a log-probability, nats."""
    return float(torch.cat(lines).std(dim=1).max())


def same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two networks have the same weights, bit for bit."""
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    ("name", "options", "head"),
    [
        ("resnet18", {"drop_rate": 0.3}, ["Dropout", "Linear"]),
        ("vit_tiny_patch16_224", {"img_size": 32, "attn_drop_rate": 0.3, "depth": 2}, ["Unflatten", "Logits"]),
        ("torchvision/mobilenet_v3_small", {}, ["Dropout", "Linear"]),
    ],
)
def test_from_training_to_scores(name: str, options: dict[str, object], head: list[str], tmp_path: Path) -> None:
    pool, labelled = images()
    one = task(pool, name=name, options=options)
    fitted = one.fit(labelled, Labelled((), ()), warm=None, seed=0)
    net = fitted.model
    assert [type(layer).__name__ for layer in net.head] == head
    assert classes_of(net) == 3
    again = one.fit(labelled, Labelled((), ()), warm=None, seed=0).model
    assert all(
        torch.equal(a, b) for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True)
    )
    chunks = [chunk.units.draws for chunk in one.draws(net, labelled.ids, k=5, seed=1)]
    assert spread([draws.log_probs for draws in chunks]) > 1e-3
    assert all(draws.joint for draws in chunks)
    one.save(net, tmp_path / "m.safetensors")
    loaded = one.load(tmp_path / "m.safetensors")
    for before, after in zip(chunks, one.draws(loaded, labelled.ids, k=5, seed=1), strict=True):
        torch.testing.assert_close(before.log_probs, after.units.draws.log_probs)
    assert one.measure(net, labelled, k=5, seed=0).keys() >= {"accuracy", "nll"}


def test_vgg_has_its_two_dropouts() -> None:
    net = build(ModelConfig(name="torchvision/vgg16", head="own", size=32), 4, seed=0)
    assert [type(layer).__name__ for layer in net.head] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert not any(name.startswith("trunk.model.classifier.6") for name in net.state_dict())
    assert mc_dropout(net, torch.randn(2, 3, 32, 32), k=3, seed=0).log_probs.shape == (2, 3, 4)


def test_the_parts_are_the_network() -> None:
    """In training too: with the same dropout, whole and parts give the same loss and the same gradients."""
    config = ModelConfig(name="resnet18", head="own", size=32, options={"drop_rate": 0.3})
    net = build(config, 3, seed=0)
    import timm  # here: it is slow to import

    whole = timm.create_model("resnet18", num_classes=3, drop_rate=0.3)
    state = {key.removeprefix("trunk.model."): value for key, value in net.state_dict().items()}
    state |= {"fc.weight": state.pop("head.1.weight"), "fc.bias": state.pop("head.1.bias")}
    whole.load_state_dict(state)
    x = torch.randn(4, 3, 32, 32)
    losses = []
    for network in (net.double().train(), whole.double().train()):
        torch.manual_seed(0)
        loss = network(x.double()).logsumexp(1).sum()
        loss.backward()
        losses.append(loss.detach())
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(net.trunk.model.conv1.weight.grad, whole.conv1.weight.grad)


SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 8,
}
DROPPED = {**SMALL, "attention_probs_dropout_prob": 0.2, "hidden_dropout_prob": 0.1}


def test_a_classifier_of_transformers() -> None:
    pytest.importorskip("transformers")
    plain = build(ModelConfig(name="transformers/vit", size=32, options=SMALL), 3, seed=0)
    assert (plain.n_features, [type(layer).__name__ for layer in plain.head]) == (24, ["Dropout", "Linear"])
    assert plain(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    own = build(ModelConfig(name="transformers/vit", size=32, head="own", options=DROPPED), 3, seed=0)
    whole = StochasticNet(own.head, own.features(torch.randn(2, 3, 32, 32)))
    kinds = {layer.kind for layer in whole.layers}
    assert "Dropout" in kinds
    assert kinds & {"ViTSelfAttention", "ViTAttention"}, "attention's dropout is a function there"
    assert whole.joint


def test_the_weights_of_transformers_fit(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    made = transformers.ViTForImageClassification(transformers.ViTConfig(image_size=32, num_labels=9, **SMALL))
    save_file(dict(made.state_dict()), tmp_path / "w.safetensors")
    for head in ("bayesian", "own"):
        options = SMALL if head == "bayesian" else {**SMALL, "hidden_dropout_prob": 0.1}
        config = ModelConfig(
            name="transformers/vit", size=32, head=head, options=options, weights=str(tmp_path / "w.safetensors")
        )
        found = build(config, 3, seed=0).state_dict()
        key = next(name for name in found if name.endswith("vit.embeddings.cls_token"))
        assert torch.equal(found[key], made.state_dict()["vit.embeddings.cls_token"])


@pytest.mark.parametrize("name", ["transformers/vitt", "transformers/bert"])
def test_what_transformers_does_not_have(name: str) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match="model type"):
        build(ModelConfig(name=name, size=32), 3, seed=0)


FACTORY = """
from torch import nn
def network(num_classes, width=8):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.2), nn.Linear(width, num_classes))
def certain(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))
def stubborn(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 32 * 32, 7))
def broken(num_classes):
    raise OSError("no such weights")
a_number = lambda num_classes: 3
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModelConfig]:
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    return lambda factory: ModelConfig(name=f"{name}:{factory}", size=32)


def test_a_factory_of_ones_own(factories: Callable[[str], ModelConfig]) -> None:
    config = factories("network").model_copy(update={"options": {"width": 6}})
    net = build(config, 5, seed=0)
    assert (net.n_features, classes_of(net)) == (6, 5)
    assert same(net, build(config, 5, seed=0))


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("certain", "none among"),
        ("stubborn", "3 outputs"),
        ("broken", "OSError: no such weights"),
        ("a_number", "int"),
        ("missing", "missing"),
    ],
)
def test_factories_that_do_not_serve(factories: Callable[[str], ModelConfig], factory: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        build(factories(factory), 3, seed=0)


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="PYTHONPATH"):
        build(ModelConfig(name="no_such_module_here:network"), 3, seed=0)


def test_what_is_random_is_looked_for_once_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def watched(head: nn.Sequential) -> StochasticNet:
        looked.append(weakref.ref(head))
        return look_at(head)

    monkeypatch.setattr(drawing_room, "look_at", watched)
    options = {"img_size": 32, "attn_drop_rate": 0.3, "depth": 2}
    config = ModelConfig(name="vit_tiny_patch16_224", head="own", size=32, options=options)
    net, other = build(config, 3, seed=0), build(config, 3, seed=1)
    rows = net.features(torch.rand(3, 3, 32, 32))
    first = drawing(net, 4, 0)(rows).log_probs
    assert torch.equal(drawing(net, 4, 0)(rows).log_probs, first)
    assert not torch.equal(drawing(net, 4, 1)(rows).log_probs, first)
    assert len(looked) == 1
    assert not torch.equal(drawing(other, 4, 0)(rows).log_probs, first)
    assert len(looked) == 2
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(1.1)
    moved = drawing(net, 4, 0)(rows).log_probs  # what was found holds for other weights, which are read anew
    assert len(looked) == 2
    assert not torch.allclose(moved, first)
    assert torch.equal(moved, HeadDraws(net.head, k=4, seed=0)(rows).log_probs)
    net.head = deepcopy(net.head)
    assert torch.equal(drawing(net, 4, 0)(rows).log_probs, moved)
    assert len(looked) == 3, "another head is looked at"
    del net, other
    gc.collect()
    assert all(head() is None for head in looked), "nothing keeps a network alive"
