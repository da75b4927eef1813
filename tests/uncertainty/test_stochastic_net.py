"""StochasticNet: any architecture, whatever is random in it."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision.models as tv
from torch import Tensor, nn
from torch.nn import functional

from askance.maths import keyed_seed
from askance.uncertainty import DropoutPosterior, StochasticNet, mc_dropout
from askance.uncertainty.masks import place_in_round
from askance.vocab import ModelError


def _timm(name: str, **options: Any) -> nn.Module:
    return timm.create_model(name, **options)


MATRIX: list[tuple[str, Callable[[], nn.Module], int, str, set[str]]] = [
    # VGG, AlexNet
    ("vgg16", tv.vgg16, 32, "head", {"Dropout"}),
    ("alexnet", tv.alexnet, 64, "head", {"Dropout"}),
    # ResNets and what came of them
    ("timm resnet18, functional", lambda: _timm("resnet18", drop_rate=0.2), 64, "head", {"ResNet"}),
    ("timm resnet18, branches", lambda: _timm("resnet18", drop_path_rate=0.3), 64, "rest", {"DropPath"}),
    ("timm resnet26d, blocks", lambda: _timm("resnet26d", drop_block_rate=0.2), 64, "rest", {"DropBlock2d"}),
    ("timm densenet121", lambda: _timm("densenet121", drop_rate=0.2), 64, "head", {"Dropout"}),
    ("densenet121", lambda: tv.densenet121(drop_rate=0.1), 64, "rest", {"_DenseLayer"}),
    # Inception
    ("inception_v3", lambda: tv.inception_v3(init_weights=False), 96, "head", {"Dropout"}),
    ("googlenet", lambda: tv.googlenet(init_weights=False), 64, "head", {"Dropout"}),
    # mobile
    ("mobilenet_v2", tv.mobilenet_v2, 64, "head", {"Dropout"}),
    ("mobilenet_v3_small", tv.mobilenet_v3_small, 64, "head", {"Dropout"}),
    ("efficientnet_b0", tv.efficientnet_b0, 64, "rest", {"StochasticDepth", "Dropout"}),
    ("squeezenet1_1", tv.squeezenet1_1, 64, "rest", {"Dropout"}),
    # ConvNeXt and MLPs
    ("convnext_tiny", tv.convnext_tiny, 64, "rest", {"StochasticDepth"}),
    ("timm convnext_atto", lambda: _timm("convnext_atto", drop_rate=0.2), 64, "head", {"Dropout"}),
    ("timm mixer", lambda: _timm("mixer_s32_224", drop_rate=0.2), 224, "head", {"Dropout"}),
    # transformers
    (
        "vit_b_32, attention",
        lambda: tv.vit_b_32(image_size=64, dropout=0.1, attention_dropout=0.1),
        64,
        "rest",
        {"MultiheadAttention", "Dropout"},
    ),
    (
        "timm vit_tiny, attention",
        lambda: _timm("vit_tiny_patch16_224", img_size=32, attn_drop_rate=0.1, drop_path_rate=0.1),
        32,
        "rest",
        {"Attention", "DropPath"},
    ),
    ("timm vit_tiny", lambda: _timm("vit_tiny_patch16_224", img_size=32, drop_rate=0.1), 32, "head", {"Dropout"}),
    (
        "timm swin_tiny, windows",
        lambda: _timm("swin_tiny_patch4_window7_224", img_size=56, attn_drop_rate=0.1),
        56,
        "passes",
        {"Dropout", "DropPath"},
    ),
    ("swin_v2_t", tv.swin_v2_t, 64, "rest", {"StochasticDepth"}),
]


@pytest.mark.parametrize(("make", "size", "way", "kinds"), [row[1:] for row in MATRIX], ids=[r[0] for r in MATRIX])
def test_architectures(make: Callable[[], nn.Module], size: int, way: str, kinds: set[str]) -> None:
    torch.manual_seed(0)
    net = spread(make(), size).train()
    images = torch.randn(3, 3, size, size)
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    drawn = StochasticNet(net, images[:2])
    assert (drawn.way, {layer.kind for layer in drawn.layers}) == (way, kinds)
    assert drawn.joint
    assert all(layer.handled for layer in drawn.layers)
    once = drawn.draws(images, k=3, seed=1)
    torch.testing.assert_close(once.log_probs, drawn.full_passes(images, k=3, seed=1).log_probs, atol=1e-5, rtol=0)
    assert (once.log_probs[:, 0] - once.log_probs[:, 1]).abs().amax() > 1e-3
    assert (once.log_probs[:, 1] - once.log_probs[:, 2]).abs().amax() > 1e-3
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    assert all(module.training for module in net.modules())
    alone = drawn.draws(images[2:], k=3, seed=1, batch=1)
    torch.testing.assert_close(alone.log_probs, once.log_probs[2:], atol=2e-4, rtol=0)


def spread(net: nn.Module, size: int) -> nn.Module:
    """Fresh weights whose logits differ by about a nat: most architectures start at logits near zero."""
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        scale = getattr(module, "gamma", getattr(module, "layer_scale", None))
        if isinstance(scale, nn.Parameter):
            nn.init.ones_(scale)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # timm starts residual branches at zero
    last = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.normal_(generator=generator)
        last.weight.div_(net.eval()(torch.randn(2, 3, size, size, generator=generator)).std())
    return net


class Everything(nn.Module):
    """Dropout of channels, as a function, with alpha, in attention, of branches, and noise."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.channels = nn.Dropout2d(0.3)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.25, batch_first=True)
        self.alpha = nn.AlphaDropout(0.2)
        self.out = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.channels(self.norm(self.conv(images)).relu())
        tokens = x.flatten(2).mT
        tokens = functional.dropout(tokens, 0.4, self.training)
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        pooled = self.alpha(tokens.mean(1))
        if self.training:
            pooled = pooled + 0.1 * torch.randn_like(pooled)
        logits: Tensor = self.out(pooled)
        return logits


def numbers(key: str, shape: tuple[int, ...], *, seed: int, draw: int, normal: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(keyed_seed("dropout", seed, draw, key))
    return (torch.randn if normal else torch.rand)(shape, generator=generator)


def kept(key: str, shape: tuple[int, ...], p: float, *, seed: int, draw: int) -> Tensor:
    """Which of a round's arcs a number is outside of, see `dropout_masks`."""
    length = round(1 / min(p, 1 - p))
    return (numbers(key, shape, seed=seed, draw=draw // length) + (draw % length) / length) % 1.0 >= p


def everything_by_hand(net: Everything, images: Tensor, *, seed: int, draw: int) -> Tensor:
    """One draw of one image in float64, every mask and the attention written out."""
    net = net.double()
    x = net.norm.eval()(net.conv(images.double())).relu()
    side = x.shape[-1]
    mask = kept("channels", (1, 8, 1, 1), 0.3, seed=seed, draw=draw)
    x = x * mask / 0.7
    tokens = x.flatten(2).mT
    tokens = tokens * (kept("", (1, side * side, 8), 0.4, seed=seed, draw=draw)) / 0.6
    q, k, v = (tokens @ net.attention.in_proj_weight.T + net.attention.in_proj_bias).chunk(3, dim=-1)
    heads = [t.reshape(1, -1, 2, 4).transpose(1, 2) for t in (q, k, v)]
    weights = torch.softmax(heads[0] @ heads[1].mT / 2, dim=-1)
    mask = kept("attention", (1, 2, side * side, side * side), 0.25, seed=seed, draw=draw)
    mixed = ((weights * mask / 0.75) @ heads[2]).transpose(1, 2).reshape(1, -1, 8)
    pooled = (tokens + net.attention.out_proj(mixed)).mean(1)
    mask = kept("alpha", (1, 8), 0.2, seed=seed, draw=draw)
    saturated = -1.7580993408473766
    a = (0.8 * (1 + 0.2 * saturated**2)) ** -0.5
    pooled = a * torch.where(mask, pooled, torch.tensor(saturated, dtype=torch.float64)) - a * saturated * 0.2
    pooled = pooled + 0.1 * numbers("#1", (1, 8), seed=seed, draw=draw, normal=True)
    return torch.log_softmax(net.out(pooled), dim=-1)


@pytest.mark.parametrize("p", [2 / 9, 7 / 9, 0.3])
def test_rates_whose_inverse_is_no_whole_number(p: float) -> None:
    """Where 1/p is halfway between two, rounding must not make another round of it than of 1 - (1 - p)."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 2), nn.Dropout2d(p), nn.Flatten(), nn.Linear(54, 8), nn.ReLU(), nn.Dropout(p)
    )
    net.append(nn.Linear(8, 3))
    images = torch.randn(3, 3, 4, 4)
    drawn = StochasticNet(net, images)
    full = drawn.full_passes(images, k=24, seed=3).log_probs
    torch.testing.assert_close(drawn.draws(images, k=24, seed=3).log_probs, full, atol=1e-5, rtol=0)
    assert place_in_round(7, p) == place_in_round(7, round(1 - (1 - p), 12))


@pytest.mark.parametrize("p", [2 / 9, 0.25])
def test_a_head_of_two_dropouts_goes_by_kernels_under_the_masks_of_full_passes(p: float) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Dropout(p), nn.Linear(9, 8), nn.Flatten())
    net.extend([nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)])
    images = torch.randn(3, 3, 4, 4)
    drawn = StochasticNet(net, images)
    assert drawn.way == "head"
    full = drawn.full_passes(images, k=24, seed=3).log_probs
    torch.testing.assert_close(drawn.draws(images, k=24, seed=3).log_probs, full, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        DropoutPosterior(drawn._tail.head, k=24, seed=3, names=drawn._tail.names)(net[:3](images)).log_probs,
        full,
        atol=1e-5,
        rtol=0,
    )


def test_shapes_that_only_look_flat() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.drop = nn.Linear(48, 1), nn.Dropout(0.5)

        def forward(self, images: Tensor) -> Tensor:
            one = self.drop(self.linear(images.flatten(1))).view(-1).view(-1, 1)
            return torch.cat([one, -one], 1)

    images = torch.randn(3, 3, 4, 4)
    assert StochasticNet(Odd(), images).draws(images, k=4, seed=0).log_probs.shape == (3, 4, 2)


def test_every_kind_against_masks_written_out() -> None:
    torch.manual_seed(0)
    net, images = Everything(), torch.randn(5, 3, 4, 4)
    net.norm.running_mean.normal_()
    drawn = StochasticNet(net, images)
    draws = drawn.draws(images, k=3, seed=7, batch=2)
    assert draws.joint
    by_hand = [
        torch.stack([everything_by_hand(net, image[None], seed=7, draw=k)[0] for k in range(3)])
        for image in images
    ]
    torch.testing.assert_close(draws.log_probs.double(), torch.stack(by_hand), atol=1e-5, rtol=0)
    assert {layer.name: (layer.kind, layer.p) for layer in drawn.layers} == {
        "channels": ("Dropout2d", 0.3),
        "": ("Everything", 0.4),
        "attention": ("MultiheadAttention", 0.25),
        "alpha": ("AlphaDropout", 0.2),
        "#1": ("Everything", 0.0),
    }


class Writes(nn.Module):
    """Writes into what was remembered, uses a layer before and after the dropout, and twice before."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Linear(4, 4), nn.Linear(4, 4)
        self.drop, self.out = nn.Dropout(0.5), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        a = self.first(x)
        b = self.again(self.again(a))
        a += self.drop(b)  # in place: draw k + 1 must not find it
        a.relu_()
        out: Tensor = self.out(self.again(a))
        return out


def test_what_is_remembered_stays_as_it_was() -> None:
    torch.manual_seed(0)
    net, x = Writes(), torch.randn(6, 4)
    drawn = StochasticNet(net, x)
    assert drawn.way == "rest"
    torch.testing.assert_close(
        drawn.draws(x, k=5, seed=0, batch=4).log_probs, drawn.full_passes(x, k=5, seed=0).log_probs
    )
    assert "forward" not in net.first.__dict__


def test_writing_that_depends_on_the_batch_is_seen_when_it_happens() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.drop, self.out = nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            a = self.first(x)
            b = self.drop(a).tanh()
            if float(x.abs().max()) > 100:
                a += b
            out: Tensor = self.out(a + b)
            return out

    torch.manual_seed(0)
    net, x = Sometimes(), torch.randn(3, 4)
    drawn = StochasticNet(net, x)
    for images in (x, x * 1000):
        torch.testing.assert_close(
            drawn.draws(images, k=4, seed=0).log_probs, drawn.full_passes(images, k=4, seed=0).log_probs
        )


def test_only_what_follows_the_first_dropout_runs_again() -> None:
    torch.manual_seed(0)
    runs = {"trunk": 0, "head": 0}

    class Counted(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            runs["trunk" if self.out_features == 9 else "head"] += 1
            return super().forward(x)

    net = nn.Sequential(Counted(4, 9), nn.Tanh(), nn.Dropout1d(0.5), Counted(9, 2))
    drawn = StochasticNet(net, torch.randn(2, 4))
    assert drawn.way == "rest"
    runs.update(trunk=0, head=0)
    drawn.draws(torch.randn(8, 4), k=10, seed=0)
    assert runs == {"trunk": 1, "head": 10}


def test_work_is_counted() -> None:
    net = nn.Sequential(nn.Linear(10, 30), nn.ReLU(), nn.Dropout(0.5), nn.Linear(30, 10))
    work = StochasticNet(net, torch.randn(2, 10)).work
    assert (work.once, work.again) == (2 * (300 + 300), 2 * 300)
    assert work.passes(1) == 1
    assert work.passes(100) == pytest.approx(0.5 + 100 * 0.5)


def test_same_seed_same_draws_and_global_randomness_untouched() -> None:
    torch.manual_seed(0)
    net, x = Everything(), torch.randn(4, 3, 4, 4)
    state = torch.random.get_rng_state()
    first = mc_dropout(net, x, k=3, seed=0).log_probs
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first, mc_dropout(net, x, k=3, seed=0).log_probs)
    assert torch.equal(first[:, :2], mc_dropout(net, x, k=2, seed=0).log_probs)
    assert not torch.allclose(first, mc_dropout(net, x, k=3, seed=1).log_probs)
    torch.testing.assert_close(mc_dropout(net, x.flip(0), k=3, seed=0).log_probs, first.flip(0))
    with torch.inference_mode():
        torch.testing.assert_close(mc_dropout(net, x, k=3, seed=0).log_probs, first)


class Functions(nn.Module):
    """As people write them: activations and dropout as functions, one activation in place of another's tensor."""

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(16, 8), nn.Linear(8, 3)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(functional.relu(self.conv(x)).flatten(1), 0.3, self.training)
        out: Tensor = self.last(functional.dropout(self.activation(self.first(x)), 0.5, self.training))
        return out


@pytest.mark.parametrize(
    "activation",
    [
        functional.relu,
        lambda x: functional.relu(input=x, inplace=True),
        torch.relu,
        torch.tanh,
        Tensor.relu,
        nn.SiLU(),
    ],
)
def test_a_tail_of_functions_is_a_head(activation: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    net, x = Functions(activation), torch.randn(5, 3, 4, 4)
    drawn = StochasticNet(net, x)
    assert drawn.way == "head"
    torch.testing.assert_close(drawn.draws(x, k=4, seed=1).log_probs, drawn.full_passes(x, k=4, seed=1).log_probs)


def test_a_function_that_is_no_plain_activation_is_run_as_it_is() -> None:
    torch.manual_seed(0)
    net, x = Functions(lambda x: functional.softmax(x, dim=1)), torch.randn(5, 3, 4, 4)
    drawn = StochasticNet(net, x)
    assert drawn.way == "rest"
    torch.testing.assert_close(drawn.draws(x, k=4, seed=1).log_probs, drawn.full_passes(x, k=4, seed=1).log_probs)


class Gated(nn.Module):
    """Asks its own flag before it calls its dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.out = nn.Dropout(0.5), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = self.drop(x)
        out: Tensor = self.out(x)
        return out


def test_dropout_behind_a_flag_is_found() -> None:
    net = nn.Sequential(nn.Linear(4, 4), Gated())
    assert [layer.name for layer in StochasticNet(net.eval(), torch.randn(2, 4)).layers] == ["1.drop"]


class Returns(nn.Module):
    def __init__(self, what: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.what, self.net = what, nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Any:
        return self.what(self.net(x))


def test_what_models_return() -> None:
    x = torch.randn(3, 4)
    assert StochasticNet(Returns(lambda y: {"logits": y, "loss": None}), x).draws(x, k=2, seed=0).k == 2
    picked = StochasticNet(Returns(lambda y: (y, y)), x, read=lambda output: output[0])
    assert picked.draws(x, k=2, seed=0).log_probs.shape == (3, 2, 2)
    for what, got in (
        (lambda y: (y, y), "a tuple of 2"),
        (lambda y: {"scores": y}, "a dict of scores"),
        (lambda y: y[:, 0], r"\[2\] of torch.float32"),
        (lambda y: y.long(), "torch.int64"),
        (lambda _: None, "NoneType"),
    ):
        with pytest.raises(ModelError, match=got):
            StochasticNet(Returns(what), x)


def test_refusals() -> None:
    x = torch.randn(2, 4)
    with pytest.raises(ModelError, match="none among Linear"):
        StochasticNet(nn.Linear(4, 2), x)
    with pytest.raises(ModelError, match=r"RuntimeError: .*mat1 and mat2"):
        StochasticNet(nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 2)), x)
    with pytest.raises(ModelError, match="one image or more"):
        StochasticNet(nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)), x[:0])
    with pytest.raises(ModelError, match="k=0"):
        StochasticNet(nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)), x).draws(x, k=0, seed=0)
    own = random.Random(0)
    with pytest.raises(ModelError, match="random by torch alone"):
        StochasticNet(Returns(lambda y: y * own.random()), x)
    with pytest.warns(FutureWarning):
        scripted = torch.jit.script(nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)))
    with pytest.raises(ModelError, match="scripted Sequential"):
        StochasticNet(scripted, x)


def test_wrapped_models_are_unwrapped() -> None:
    net, x = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2)), torch.randn(2, 4)
    assert StochasticNet(torch.compile(net), x).model is net
    assert StochasticNet(nn.DataParallel(net), x).model is net


def test_numbers_that_cannot_be_shared_are_not_called_joint() -> None:
    class Sampled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            probabilities = torch.softmax(self.out(x), dim=-1)
            chosen = torch.multinomial(probabilities, 20, replacement=True)
            return functional.one_hot(chosen, 3).float().mean(1) * 5

    torch.manual_seed(0)
    net, x = Sampled(), torch.randn(4, 4)
    drawn = StochasticNet(net, x)
    assert not drawn.joint
    assert not drawn.draws(x, k=2, seed=0).joint
    assert [layer.handled for layer in drawn.layers] == [False]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_model_is_drawn_from_and_not_called_joint() -> None:
    """Its activations are scaled by the batch they are in, so an image's logits depend on its company."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)).eval()
    x = torch.randn(4, 8)
    drawn = StochasticNet(torch.ao.quantization.quantize_dynamic(net, {nn.Linear}), x)
    draws = drawn.draws(x, k=3, seed=0)
    torch.testing.assert_close(draws.log_probs, drawn.full_passes(x, k=3, seed=0).log_probs)
    assert (draws.log_probs[:, 0] - draws.log_probs[:, 1]).abs().max() > 1e-3
    assert not draws.joint
    assert drawn.work.passes(7) == 7


def test_no_images() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(16, 2))
    drawn = StochasticNet(net, torch.randn(2, 3, 2, 2))
    assert drawn.draws(torch.randn(0, 3, 2, 2), k=2, seed=0).log_probs.shape == (0, 2, 2)
