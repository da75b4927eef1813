"""mc_dropout and SplitNet on whole networks."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import SplitNet, StochasticNet, dropout_masks, mc_dropout, split
from askance.uncertainty.split import lean
from askance.vocab import ModelError
from tests.reference.dropout import k_full_passes


def gal_net(channels: int = 1) -> nn.Sequential:
    """A small twin of Gal's MNIST network: its first dropout stands before the flattening."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(45, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4),
    )  # fmt: skip


def norm_net() -> SplitNet:
    trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.5), nn.Flatten())
    return SplitNet(trunk, nn.Sequential(nn.Dropout(0.5), nn.Linear(256, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)))


def images(n: int, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, 10, 10, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_k_full_passes_of_the_whole_network(channels):
    """The reference never leaves the contiguous layout and float64, so an error of layout would show."""
    torch.manual_seed(0)
    net, x = gal_net(channels), images(7, channels)
    masks = {
        5: dropout_masks(2, "5", k=6, width=45, p=0.25, shared=4),
        9: dropout_masks(2, "9", k=6, width=16, p=0.5),
    }
    reference = k_full_passes(list(deepcopy(net).double().eval()), x, masks)
    draws = mc_dropout(net, x, k=6, seed=2, batch=3)
    assert draws.joint
    torch.testing.assert_close(draws.log_probs.double(), reference, atol=1e-5, rtol=0)
    assert StochasticNet(net, x).way == "head"  # though what is flattened is laid out channels last, and copied


def test_the_trunk_batch_does_not_matter():
    torch.manual_seed(0)
    net, x = gal_net(), images(150)
    whole = mc_dropout(net, x, k=4, seed=0).log_probs
    for batch in (1, 48, 1000):
        torch.testing.assert_close(
            mc_dropout(net, x, k=4, seed=0, batch=batch).log_probs, whole, atol=2e-6, rtol=0
        )


def test_a_plain_sequential_and_its_split_agree():
    net, x = gal_net(), images(5)
    cut = split(net)
    assert [type(layer).__name__ for layer in cut.head] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert cut.n_features == 45
    torch.testing.assert_close(cut.eval()(x), net.eval()(x))
    torch.testing.assert_close(cut.eval()(x), net.eval()(x))


def test_a_lean_trunk_gives_the_same_bits_and_gradients():
    layers = [
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Sigmoid(),
        nn.ReLU(), nn.Conv2d(4, 2, 2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
    ]  # fmt: skip
    plain, quick = nn.Sequential(*layers).eval(), nn.Sequential(*lean(layers)).eval()
    kinds = [str(layer) for layer in quick]
    assert kinds[1].startswith("MaxPool2d")
    assert [i for i, kind in enumerate(kinds) if kind == "ReLU(inplace=True)"] == [2, 4, 8]
    assert kinds[6] == "ReLU()"  # the sigmoid's gradient needs what it gave
    results = []
    for net in (plain, quick):
        x = images(5).requires_grad_()
        y = net(x)
        y.square().sum().backward()
        results.append((y.detach(), x.grad, layers[0].weight.grad.clone()))
        net.zero_grad()
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_a_watched_rectifier_stays_where_it_is():
    relu = nn.ReLU()
    relu.register_forward_hook(lambda *_: None)
    assert lean([nn.Conv2d(1, 4, 3), relu, nn.MaxPool2d(2)])[1] is relu


def test_what_a_hook_keeps_of_a_layer_is_not_overwritten_by_the_rectifier_behind_it():
    kept = []
    conv = nn.Conv2d(1, 4, 3)
    conv.register_forward_hook(lambda module, inputs, output: kept.append(output))
    x = images(3)
    with torch.no_grad():
        nn.Sequential(*lean([conv, nn.ReLU()]))(x)
        assert torch.equal(kept[0], conv(x))
        assert float(kept[0].min()) < 0


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_flags_are_left_as_found(training):
    net = norm_net().train(training)
    net.trunk[1].train(not training)
    flags = [module.training for module in net.modules()]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    mc_dropout(net, images(9), k=3, seed=0)
    assert [module.training for module in net.modules()] == flags
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_flags_come_back_after_an_error():
    net = norm_net().train()
    with pytest.raises(ModelError, match="channels"):
        net.features(images(2, channels=3))
    assert all(module.training for module in net.modules())


def test_training_mode_scores_as_evaluation_does():
    net, x = norm_net(), images(6)
    trained = mc_dropout(net.train(), x, k=3, seed=0).log_probs
    assert torch.equal(mc_dropout(net.eval(), x, k=3, seed=0).log_probs, trained)


def test_new_weights_give_new_draws():
    net, x = gal_net(), images(4)
    before = mc_dropout(net, x, k=3, seed=0).log_probs
    with torch.no_grad():
        net[0].weight.mul_(2)
    assert not torch.allclose(mc_dropout(net, x, k=3, seed=0).log_probs, before)


def test_features_can_train_a_head():
    """No inference tensors: a cached feature may enter autograd."""
    net = norm_net()
    features = net.features(images(3))
    assert not features.requires_grad
    net.head(features).sum().backward()
    assert net.head[1].weight.grad is not None


def test_refusals():
    with pytest.raises(ModelError, match="dropout with p > 0"):
        mc_dropout(nn.Sequential(nn.Flatten(), nn.Linear(100, 2)), images(2), k=2, seed=0)
    flat = SplitNet(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    with pytest.raises(ModelError, match="Flatten"):
        mc_dropout(flat, images(2), k=2, seed=0)


def test_a_model_without_parameters_in_the_trunk():
    net = SplitNet(nn.Flatten(), nn.Sequential(nn.Dropout(), nn.Linear(100, 2)))
    assert mc_dropout(net, images(3), k=2, seed=0).log_probs.shape == (3, 2, 2)
    assert mc_dropout(net, images(3)[:0], k=2, seed=0).log_probs.shape == (0, 2, 2)
