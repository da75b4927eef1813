"""DropoutPosterior against K full float64 passes with the masks written out."""

import math
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import DropoutPosterior, dropout_masks
from askance.uncertainty import kernels as kernels_module
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.kernels import Folded, Pair, Plain
from askance.uncertainty.posterior import shared_masks
from askance.vocab import ModelError
from tests.reference.dropout import k_full_passes


def linear_head(p: float = 0.3) -> list[nn.Module]:
    return [nn.Dropout(p), nn.Linear(9, 4)]


def pair_head(p1: float = 0.25, p2: float = 0.5, *, bias: bool = True) -> list[nn.Module]:
    return [nn.Dropout(p1), nn.Linear(9, 7, bias=bias), nn.ReLU(), nn.Dropout(p2), nn.Linear(7, 4, bias=bias)]


HEADS = {
    "linear": (linear_head, Folded),
    "linear without bias": (lambda: [nn.Dropout(0.6), nn.Linear(9, 4, bias=False)], Folded),
    "complement": (pair_head, Pair),
    "kept": (lambda: pair_head(0.7), Pair),
    "a scale that binary fractions do not have": (lambda: pair_head(0.25, 0.3), Pair),
    "flattened though flat": (lambda: [*pair_head()[:2], nn.Flatten(), *pair_head()[2:]], Pair),
    "half and half": (lambda: pair_head(0.5), Pair),
    "pair without bias": (lambda: pair_head(bias=False), Pair),
    "pair, one mask, an activation that moves zero": (
        lambda: [nn.Dropout(0.2), nn.Linear(9, 7), nn.Sigmoid(), nn.Linear(7, 4)],
        Pair,
    ),
    "second mask on an activation that moves zero": (
        lambda: [nn.Dropout(0.2), nn.Linear(9, 7), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(7, 4)],
        Pair,
    ),
    "two linears without activation": (lambda: [nn.Dropout(0.2), nn.Linear(9, 7), nn.Linear(7, 4)], Pair),
    "linear first": (lambda: [nn.Linear(9, 6), nn.ReLU(), nn.Dropout(0.4), nn.Linear(6, 4)], Folded),
    "activation after the mask": (lambda: [nn.Dropout(0.3), nn.Sigmoid(), nn.Linear(9, 4)], Plain),
    "dropout before the activation": (
        lambda: [nn.Dropout(0.3), nn.Linear(9, 7), nn.Dropout(0.5), nn.Sigmoid(), nn.Linear(7, 4)],
        Plain,
    ),
    "three masks": (
        lambda: [*pair_head()[:-1], nn.Linear(7, 5), nn.GELU(), nn.Dropout(0.1), nn.Linear(5, 4)],
        Plain,
    ),
    "dropout on logits": (lambda: [nn.Dropout(0.3), nn.Linear(9, 4), nn.Dropout(0.2)], Plain),
    "batch norm": (
        lambda: [nn.Dropout(0.3), nn.Linear(9, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 4)],
        Plain,
    ),
}


SHARED = {
    (0.25, 0.5): 4, (0.2, 0.5): 4, (0.4, 0.5): 2, (0.5, 0.5): 2, (0.7, 0.5): 1, (0.25, 0.3): 2, (0.6, 0.3): 1,
}  # fmt: skip
"""Draws that have one first mask between them, by p1 and p2: round(2 p2 / p1), from 1 to 4."""


def shared_by(head: list[nn.Module]) -> int:
    """Of the first of two dropouts, where all between them is a linear layer and what acts on each number."""
    match [layer for layer in head if not isinstance(layer, nn.Flatten)]:
        case [nn.Dropout(p=p1), nn.Linear(), nn.ReLU() | nn.Sigmoid(), nn.Dropout(p=p2), nn.Linear()]:
            return SHARED[p1, p2]
    return 1


def expected(head: list[nn.Module], features: Tensor, k: int, seed: int) -> Tensor:
    """The reference under the masks that the posterior promises."""
    twin = deepcopy(nn.Sequential(*head)).double().eval()
    masks, x = {}, features[:1].double()
    for place, layer in enumerate(twin):
        if isinstance(layer, nn.Dropout) and layer.p > 0:
            shared = shared_by(head) if place == 0 else 1
            masks[place] = dropout_masks(seed, str(place), k=k, width=x.shape[1], p=layer.p, shared=shared)
        x = layer(x)
    return k_full_passes(list(twin), features, masks)


@pytest.fixture
def features() -> Tensor:
    return torch.randn(11, 9, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-6)])
def test_every_head_equals_k_full_passes(name, dtype, tolerance, features):
    torch.manual_seed(1)
    make, kernel = HEADS[name]
    head = make()
    posterior = DropoutPosterior(nn.Sequential(*head).to(dtype), k=6, seed=3)
    draws = posterior(features)
    assert type(posterior._kernel) is kernel
    assert draws.joint
    assert draws.log_probs.dtype == dtype
    assert draws.log_probs.shape == (11, 6, 4)
    torch.testing.assert_close(
        draws.log_probs.double(), expected(head, features, 6, 3), atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize("p", [0.25, 0.75])
def test_matrices_too_big_to_keep_change_nothing(p, features, monkeypatch):
    head = nn.Sequential(*pair_head(p))
    kept = DropoutPosterior(head, k=6, seed=3)(features).log_probs
    monkeypatch.setattr(kernels_module, "GATHER_LIMIT", 0)
    torch.testing.assert_close(DropoutPosterior(head, k=6, seed=3)(features).log_probs, kept, atol=1e-6, rtol=0)
    linear = DropoutPosterior(nn.Sequential(*linear_head()), k=2, seed=0)
    assert type(linear._kernel) is Plain


def test_masks_that_drop_or_keep_all_are_no_special_case():
    """Two inputs, two hidden units, many draws: every pattern of masks comes up, the empty ones too."""
    head = [nn.Dropout(0.4), nn.Linear(2, 2), nn.ReLU(), nn.Dropout(0.5), nn.Linear(2, 3)]
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    masks = dropout_masks(0, "3", k=64, width=2, p=0.5)
    assert {0, 1, 2} == set(masks.sum(1).tolist())
    assert {0, 1, 2} == set(dropout_masks(0, "0", k=64, width=2, p=0.4, shared=2).sum(1).tolist())
    got = DropoutPosterior(nn.Sequential(*head).double(), k=64, seed=0)(x).log_probs
    torch.testing.assert_close(got, expected(head, x, 64, 0), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("head", "due"),
    [
        (pair_head(0.25), {"0": 4}),
        (pair_head(0.1), {"0": 4}),
        (pair_head(0.5), {"0": 2}),
        (pair_head(0.75), {"0": 1}),
        (pair_head(0.25, 0.25), {"0": 2}),
        (pair_head(0.25, 0.05), {"0": 1}),
        ([nn.Linear(9, 9), nn.ReLU(), *pair_head(0.3)], {"2": 3}),
        (HEADS["two linears without activation"][0](), {}),
        (HEADS["pair, one mask, an activation that moves zero"][0](), {}),
        (HEADS["three masks"][0](), {}),
        (linear_head(), {}),
    ],
)
def test_the_first_of_two_masks_serves_several_draws_and_no_other_mask_does(head, due):
    assert shared_masks(nn.Sequential(*head)) == due


@pytest.mark.parametrize("p", [0.25, 0.5, 0.7])
def test_every_draw_is_another_function(p, features):
    """Draws that share a mask must differ by their other one: equal draws would look like certainty."""
    log_probs = DropoutPosterior(nn.Sequential(*wide_pair(p)), k=24, seed=0)(features).log_probs
    gaps = (log_probs.unsqueeze(1) - log_probs.unsqueeze(2)).abs().amax((0, 3)) + torch.eye(24)
    assert float(gaps.min()) > 1e-4


def wide_pair(p: float) -> list[nn.Module]:
    return [nn.Dropout(p), nn.Linear(9, 32), nn.Tanh(), nn.Dropout(0.5), nn.Linear(32, 4)]


@pytest.mark.parametrize(
    ("p", "k", "due"),
    [
        (0.25, 24, [4, 1, 1]),  # six masks: a round of four that use every input once, and two of the next round
        (0.25, 12, [1, 1, 1]),
        (0.5, 24, [2, 2, 2, 2, 2, 2]),
        (0.02, 400, [1] * 100),  # a round of fifty is too long to hold
    ],
)
def test_masks_are_taken_round_by_round(p, k, due):
    head = nn.Sequential(nn.Dropout(p), nn.Linear(300, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 4))
    found = DropoutPosterior(head, k=k, seed=0)._kernel._rounds
    assert [len(one.masks) for one in found] == due
    assert [one.covers for one in found] == [n > 1 for n in due]
    assert [i for one in found for i in one.masks] == list(range(sum(due)))


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_many_rounds_equal_k_full_passes(p, features):
    """Products that are what is left of a whole; in float64, so that nothing but an error shows."""
    head = pair_head(p)
    got = DropoutPosterior(nn.Sequential(*head).double(), k=50, seed=1)(features).log_probs
    torch.testing.assert_close(got, expected(head, features, 50, 1), atol=1e-12, rtol=0)


@pytest.mark.parametrize("head", [linear_head(0.4), pair_head(0.25, 0.5), pair_head(0.6, 0.3)])
def test_logits_have_the_mean_and_variance_of_real_dropout(head):
    """Against nn.Dropout itself in training mode: catches wrong scaling that a shared formula would hide."""
    torch.manual_seed(7)
    net = nn.Sequential(*head)
    x = torch.randn(1, 9)
    k = 20_000
    with torch.no_grad():
        real = torch.log_softmax(net.train()(x.expand(k, -1)).double(), -1)
    ours = DropoutPosterior(net, k=k, seed=0)(x).log_probs[0].double()
    error = 5 * (real.std(0) / math.sqrt(k))
    assert bool(((real.mean(0) - ours.mean(0)).abs() < 1.5 * error).all())
    torch.testing.assert_close(ours.std(0), real.std(0), rtol=0.05, atol=0)


def test_masks_are_shared_by_all_images():
    """The same image in every row: a mask drawn row by row would tell the rows apart."""
    x = torch.randn(1, 9, generator=torch.Generator().manual_seed(0)).expand(300, -1)
    for head in (linear_head(), pair_head(), HEADS["three masks"][0]()):
        log_probs = DropoutPosterior(nn.Sequential(*head), k=5, seed=0)(x).log_probs
        assert bool(((log_probs - log_probs[:1]).abs() < 1e-6).all())
        assert bool(((log_probs[0, 0] - log_probs[0, 1]).abs() > 1e-4).any())


@pytest.mark.parametrize("name", ["linear", "complement", "kept", "three masks"])
def test_chunks_and_order_do_not_matter(name):
    x = torch.randn(BLOCK * 3 + 5, 9, generator=torch.Generator().manual_seed(2))
    posterior = DropoutPosterior(nn.Sequential(*HEADS[name][0]()), k=5, seed=0)
    whole = posterior(x).log_probs

    def chunked(size: int) -> Tensor:
        return torch.cat([posterior(part).log_probs for part in x.split(size)])

    for blocks in (1, 2, 3):
        assert torch.equal(chunked(blocks * BLOCK), whole)
    assert torch.equal(posterior(x[:7]).log_probs, whole[:7])
    for size in (1, 7, 200):
        torch.testing.assert_close(chunked(size), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(posterior(x.flip(0)).log_probs, whole.flip(0), atol=1e-6, rtol=0)


def test_seeds_and_numbers_of_draws(features):
    head = nn.Sequential(*pair_head())
    first, again, other = (DropoutPosterior(head, k=4, seed=s)(features).log_probs for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    more = DropoutPosterior(head, k=9, seed=0)(features).log_probs
    torch.testing.assert_close(more[:, :4], first)


def test_a_posterior_stays_and_a_new_one_sees_new_weights(features):
    head = nn.Sequential(*pair_head())
    old = DropoutPosterior(head, k=4, seed=0)
    before = old(features).log_probs
    with torch.no_grad():
        head[1].weight.add_(1)
    assert torch.equal(old(features).log_probs, before)
    assert not torch.allclose(DropoutPosterior(head, k=4, seed=0)(features).log_probs, before)


def test_posteriors_in_turn_do_not_disturb_each_other(features):
    one, two = (DropoutPosterior(nn.Sequential(*pair_head()), k=k, seed=k) for k in (3, 5))
    first, second = one(features).log_probs, two(features).log_probs
    state = torch.get_rng_state()
    assert torch.equal(one(features).log_probs, first)
    assert torch.equal(two(features).log_probs, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [True, False])
def test_the_head_is_left_as_found(training, features):
    head = nn.Sequential(*HEADS["batch norm"][0]()).train(training)
    head[2].eval()
    flags = [module.training for module in head.modules()]
    state = {name: value.clone() for name, value in head.state_dict().items()}
    DropoutPosterior(head, k=4, seed=0)(features)
    assert [module.training for module in head.modules()] == flags
    assert all(torch.equal(value, state[name]) for name, value in head.state_dict().items())
    assert all(parameter.requires_grad for parameter in head.parameters())


def test_no_images_give_no_draws():
    draws = DropoutPosterior(nn.Sequential(*pair_head()), k=4, seed=0)(torch.zeros(0, 9))
    assert draws.log_probs.shape == (0, 4, 4)


def test_features_from_a_float16_cache(features):
    posterior = DropoutPosterior(nn.Sequential(*pair_head()), k=4, seed=0)
    half = features.half()
    assert torch.equal(posterior(half).log_probs, posterior(half.float()).log_probs)


def test_a_bfloat16_head_gives_normalised_float32(features):
    head = nn.Sequential(*pair_head())
    wide = DropoutPosterior(head, k=4, seed=0)(features).log_probs
    narrow = DropoutPosterior(deepcopy(head).bfloat16(), k=4, seed=0)(features).log_probs
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, wide, atol=0.1, rtol=0)


def test_one_layer_in_two_places_gets_two_masks(features):
    dropout, relu = nn.Dropout(0.5), nn.ReLU()
    head = [dropout, nn.Linear(9, 9), relu, dropout, nn.Linear(9, 9), relu, nn.Linear(9, 3)]
    got = DropoutPosterior(nn.Sequential(*head).double(), k=4, seed=0)(features).log_probs
    torch.testing.assert_close(got, expected(head, features, 4, 0), atol=1e-12, rtol=0)


def test_nested_sequentials_are_one_list(features):
    flat = pair_head()
    nested = nn.Sequential(nn.Sequential(flat[0], flat[1]), nn.Identity(), *flat[2:])
    posterior = DropoutPosterior(nested, k=4, seed=0)
    assert type(posterior._kernel) is Pair
    assert posterior(features).log_probs.shape == (11, 4, 4)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (nn.Sequential(nn.Linear(9, 4)), "dropout with p > 0"),
        (nn.Sequential(nn.Dropout(0.0), nn.Linear(9, 4)), "dropout with p > 0"),
        (nn.Sequential(nn.Dropout(1.0), nn.Linear(9, 4)), "drops everything"),
        (nn.Sequential(nn.Dropout(0.5), nn.AlphaDropout(0.5), nn.Linear(9, 4)), "AlphaDropout"),
        (nn.Sequential(nn.Dropout(0.5), nn.ReLU()), "linear layer"),
        (nn.Sequential(nn.Dropout(0.5), nn.Conv2d(3, 4, 1), nn.Linear(9, 4)), "takes features"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(head, words):
    with pytest.raises(ModelError, match=words):
        DropoutPosterior(head, k=4, seed=0)


@pytest.mark.usefixtures("as_users_run")
def test_wrong_arguments_are_refused(features):
    head = nn.Sequential(*linear_head())
    with pytest.raises(ModelError, match="one draw"):
        DropoutPosterior(head, k=0, seed=0)
    posterior = DropoutPosterior(head, k=2, seed=0)
    for wrong in (features[:, :8], features.unsqueeze(-1)):
        with pytest.raises(ModelError, match=r"features \[N, 9\]"):
            posterior(wrong)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", HEADS)
def test_on_cuda_as_on_the_cpu(name, features):
    head = nn.Sequential(*HEADS[name][0]())
    cpu = DropoutPosterior(head, k=6, seed=3)(features).log_probs
    gpu = DropoutPosterior(deepcopy(head).cuda(), k=6, seed=3)(features).log_probs
    assert gpu.device.type == "cuda"
    torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-4, rtol=1e-4)
