"""Networks that cannot be used are refused in words, whatever torch or their own code says."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import (
    SplitNet,
    StochasticNet,
    cut,
    ensemble_draws,
    fit_laplace,
    mc_dropout,
    stochastic_layers,
)
from askance.vocab import ModelError
from askance.vocab.theirs import is_memory, theirs, told


class Ends(nn.Module):
    """A small classifier, and what it does with its logits."""

    def __init__(self, what: Callable[[Tensor], object] = lambda y: y) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
        self.what = what

    def forward(self, x: Tensor) -> object:
        return self.what(self.net(x))


def fails(_: Tensor) -> Tensor:
    raise KeyError("mine")


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(3))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "weights not loaded": (lambda: Ends().to("meta"), r"4 tensors without numbers .* first net\.1\.weight"),
    "half precision": (lambda: Ends().half(), "take images .* of torch.float32"),
    "double precision": (lambda: Ends().double(), "take images .* of torch.float32"),
    "complex": (lambda: Ends(lambda y: y.to(torch.complex64)), "of torch.complex64"),
    "sparse": (lambda: Ends(lambda y: y.to_sparse()), "sparse"),
    "its own error": (lambda: Ends(fails), r"KeyError: 'mine' \(.*test_theirs\.py, line \d+, in fails\)"),
    "more memory than there is": (lambda: Ends(lambda y: y.new_empty(10**15)), "give smaller batches"),
    "NaN": (lambda: Ends(lambda y: y * float("nan")), "finite logits from Ends"),
    "one row for all": (lambda: Ends(lambda y: y[:1]), r"logits \[\d, C\], one row an image"),
    "no classes": (lambda: Ends(lambda y: y[:, :0]), r"\[\d, 0\] of torch.float32"),
    "a map": (lambda: Ends(lambda y: y[:, :, None, None]), r"\[\d, 3, 1, 1\]"),
    "nothing": (lambda: Ends(lambda _: None), "NoneType"),
    "lazy": (lazy, "2 lazy weights"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("door", ["mc_dropout", "StochasticNet", "ensemble_draws"])
def test_refused_in_words(name: str, door: str) -> None:
    make, words = REFUSED[name]
    x = torch.rand(6, 3, 2, 2)
    doors: dict[str, Callable[[nn.Module], object]] = {
        "mc_dropout": lambda net: mc_dropout(net, x, k=3, seed=0),
        "StochasticNet": lambda net: StochasticNet(net, x).draws(x, k=2, seed=0),
        "ensemble_draws": lambda net: ensemble_draws([net], x),
    }
    with pytest.raises(ModelError, match=words):
        doors[door](make())


def test_weights_that_are_buffers_are_weights() -> None:
    torch.manual_seed(0)
    net, x = Ends(), torch.rand(5, 3, 2, 2)
    found = mc_dropout(net, x, k=4, seed=0).log_probs
    for layer in (net.net[1], net.net[4]):
        assert isinstance(layer, nn.Linear)
        for name, weights in list(layer.named_parameters()):
            delattr(layer, name)
            layer.register_buffer(name, weights.detach())
    assert not list(net.parameters())
    assert torch.equal(mc_dropout(net, x, k=4, seed=0).log_probs, found)
    assert ensemble_draws([net, net], x).log_probs.shape == (5, 2, 3)


def test_what_is_no_network_is_refused_at_every_door() -> None:
    x = torch.rand(6, 3, 2, 2)
    doors: list[Callable[[object], object]] = [
        lambda net: mc_dropout(net, x, k=3, seed=0),  # type: ignore[arg-type]
        lambda net: StochasticNet(net, x),  # type: ignore[arg-type]
        lambda net: ensemble_draws([net], x),  # type: ignore[list-item]
        stochastic_layers,  # type: ignore[list-item]
        lambda net: cut(net, x),  # type: ignore[arg-type]
    ]
    for door in doors:
        with pytest.raises(Exception, match=r"nn\.Module|Module"):
            door(7)


def test_networks_that_people_have_work() -> None:
    torch.manual_seed(0)
    x = torch.rand(6, 3, 2, 2)
    with torch.inference_mode():
        made_without_gradients = Ends()
    tied = Ends()
    tied.net.insert(2, nn.Linear(8, 8))
    tied.net.insert(3, nn.Linear(8, 8))
    tied.net[3].weight = tied.net[2].weight
    for net in (made_without_gradients, tied, Ends().requires_grad_(False)):
        assert mc_dropout(net, x, k=3, seed=0).joint


def test_a_split_network_that_fails_is_told_of() -> None:
    x, head = torch.rand(6, 3, 2, 2), nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 2))
    for trunk, words in ((Ends(fails), "KeyError: 'mine'"), (Ends(lambda y: (y,)), "tuple")):
        with pytest.raises(ModelError, match=words):
            mc_dropout(SplitNet(trunk, head), x, k=3, seed=0)
    with pytest.raises(ModelError, match=r"features \[N, 3\]"):
        fit_laplace(head, [(torch.rand(2, 5), torch.tensor([0, 1]))])


def test_an_error_is_told_with_its_place_and_its_cause() -> None:
    with pytest.raises(ModelError) as caught, theirs("a network", "mend it"):
        fails(torch.zeros(1))
    assert "in fails" in caught.value.got
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ModelError, match="SystemExit: 3"), theirs("a network", "mend it"):
        raise SystemExit(3)
    first = ModelError("one", "two", "three")
    with pytest.raises(ModelError) as again, theirs("a network", "mend it"):
        raise first
    assert again.value is first
    assert "1,500 more characters" in told(ValueError("x" * 2000))
    assert [is_memory(one) for one in (MemoryError(), RuntimeError("CUDA out of memory"), ValueError("no"))] == [
        True,
        True,
        False,
    ]
