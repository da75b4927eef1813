"""What every posterior over a head must be: entering `MADE` is entering these tests.

Letters: N images, D features, K draws, C classes, M members.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from askance.acquisition import score
from askance.maths import Draws
from askance.uncertainty import (
    Collector,
    DropoutMoments,
    Ensemble,
    LastLayerLaplace,
    MCDropout,
    Posterior,
    Softmax,
    Swag,
    fit_laplace,
)
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.laplace import Structure
from askance.vocab import ModelError

D, C, M = 6, 4, 5


def head(seed: int = 0, p: float = 0.4) -> nn.Sequential:
    """Float64; dropout only before the last layer, which is what all of them take."""
    with torch.random.fork_rng():
        net = nn.Sequential(nn.Linear(D, 7), nn.ReLU(), nn.Dropout(p), nn.Linear(7, C)).double()
    generator = torch.Generator().manual_seed(seed)
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.5, generator=generator)
    return net


def features(n: int = 40, seed: int = 1) -> Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def laplace(net: nn.Sequential, structure: Structure, precision: float | None = None) -> LastLayerLaplace:
    like = next(net.parameters())
    labels = torch.arange(30) % C
    return fit_laplace(net, [(features(30, 2).to(like), labels)], structure=structure, precision=precision)


def ensemble(net: nn.Sequential, spread: float = 1.0) -> Ensemble:
    """Members that are the head, and `spread` times something of their own."""
    members = [deepcopy(net) for _ in range(M)]
    for m, member in enumerate(members):
        with torch.no_grad():
            for weight, own in zip(member.parameters(), head(m + 1).parameters(), strict=True):
                weight.add_(own, alpha=spread)
    return Ensemble(members)


def swag(net: nn.Sequential, spread: float = 1.0) -> Swag:
    collector = Collector(rank=3)
    for member in ensemble(net, spread).heads:
        collector.take(member)
    return collector.posterior(net)


MADE: dict[str, Callable[[nn.Sequential], Posterior]] = {
    "dropout": MCDropout,
    "dropout moments": DropoutMoments,
    "laplace full": lambda net: laplace(net, "full"),
    "laplace kron": lambda net: laplace(net, "kron"),
    "laplace diag": lambda net: laplace(net, "diag"),
    "swag": swag,
    "ensemble": ensemble,
    "softmax": Softmax,
}

COLLAPSED: dict[str, Callable[[], Posterior]] = {
    "dropout": lambda: MCDropout(head(p=1e-9)),
    "dropout moments": lambda: DropoutMoments(head(p=1e-15)),
    "laplace full": lambda: laplace(head(), "full", 1e16),
    "laplace kron": lambda: laplace(head(), "kron", 1e16),
    "laplace diag": lambda: laplace(head(), "diag", 1e16),
    "swag": lambda: swag(head(), 0.0),
    "ensemble": lambda: ensemble(head(), 0.0),
    "softmax": lambda: Softmax(head()),
}
"""Where nothing is uncertain: p near 0, precision without end, snapshots and members that are one and the same."""

JOINT = set(MADE) - {"dropout moments"}
MOST: Mapping[str, int] = {"ensemble": M, "softmax": 1}

every = pytest.mark.parametrize("name", MADE)


def draw(posterior: Posterior, x: Tensor, k: int = M, seed: int = 0) -> Draws:
    """K draws, or as many as there are."""
    return posterior.draws(x, k=min(k, posterior.most or k), seed=seed)


def close(got: Draws, due: Draws, atol: float = 1e-9) -> None:
    torch.testing.assert_close(got.log_probs, due.log_probs, atol=atol, rtol=0, check_dtype=False)


@every
def test_shape_dtype_and_whether_draws_are_joint(name: str):
    posterior = MADE[name](head())
    assert isinstance(posterior, Posterior)
    assert posterior.most == MOST.get(name)
    draws = draw(posterior, features(), k=3)
    assert draws.log_probs.shape == (40, min(3, posterior.most or 3), C)
    assert draws.joint == (name in JOINT)
    assert draws.log_probs.dtype == torch.float64
    assert not draws.log_probs.requires_grad


@every
def test_the_seed_decides(name: str):
    posterior = MADE[name](head())
    first, again, other = (draw(posterior, features(), k=3, seed=seed).log_probs for seed in (0, 0, 1))
    assert torch.equal(first, again)
    if name != "softmax":
        assert not torch.allclose(first, other)


@every
def test_draws_differ(name: str):
    scores = score("bald", draws=draw(MADE[name](head()), features()))
    assert bool((scores > 1e-4).all()) == (name != "softmax")


@every
@pytest.mark.parametrize("size", [1, 7, 39])
def test_chunks_do_not_matter(name: str, size: int):
    posterior = MADE[name](head())
    whole = draw(posterior, features())
    close(Draws.cat([draw(posterior, some) for some in torch.split(features(), size)]), whole)


@pytest.mark.parametrize("name", sorted(JOINT))
def test_whole_blocks_give_the_very_same_bits(name: str):
    posterior = MADE[name](head().float())
    x = features(2 * BLOCK + 9).float()
    whole = draw(posterior, x).log_probs
    assert torch.equal(torch.cat([draw(posterior, some).log_probs for some in torch.split(x, BLOCK)]), whole)
    assert torch.equal(draw(posterior, x[:7]).log_probs, whole[:7])


@every
def test_permuting_images_permutes_draws(name: str):
    posterior = MADE[name](head())
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    close(draw(posterior, features()[order]), draw(posterior, features())[order])


@pytest.mark.parametrize("name", sorted(JOINT))
def test_one_image_in_every_place_has_one_answer_a_draw(name: str):
    """A draw that was made image by image would tell the places apart."""
    draws = draw(MADE[name](head()), features(1).expand(300, -1))
    close(draws, Draws(draws.log_probs[:1].expand(300, -1, -1), joint=True))


@pytest.mark.parametrize("name", sorted(JOINT - set(MOST)))
def test_more_draws_leave_the_first_ones(name: str):
    posterior = MADE[name](head())
    few, many = (posterior.draws(features(), k=k, seed=0).log_probs for k in (3, 40))
    torch.testing.assert_close(few, many[:, :3], atol=1e-9, rtol=0)


@every
def test_float32_says_nearly_the_same(name: str):
    wide = draw(MADE[name](head()), features())
    narrow = draw(MADE[name](head().float()), features().float())
    assert narrow.log_probs.dtype == torch.float32
    close(Draws(narrow.log_probs.double(), narrow.joint), wide, atol=3e-4)


@every
def test_half_precision_is_normalised_in_float32(name: str):
    draws = draw(MADE[name](head().bfloat16()), features().half())
    assert draws.log_probs.dtype == torch.float32
    assert bool((draws.log_probs.logsumexp(-1).abs() < 1e-5).all())


@every
@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("k", [1, M])
def test_few_images_and_few_draws(name: str, n: int, k: int):
    posterior = MADE[name](head())
    draws = draw(posterior, features(n), k=k)
    assert draws.log_probs.shape == (n, min(k, posterior.most or k), C)
    if k == 1:
        assert score("bald", draws=draws).tolist() == [0.0] * n


@every
def test_nothing_to_learn_as_the_posterior_collapses(name: str):
    draws = draw(COLLAPSED[name](), features())
    assert float(score("bald", draws=draws).max()) < 1e-12
    expected = head().eval()(features()).log_softmax(-1)
    torch.testing.assert_close(draws.log_probs, expected[:, None].expand_as(draws.log_probs), atol=1e-6, rtol=0)


@every
def test_it_is_kept_in_safetensors_and_read_again(name: str):
    posterior = MADE[name](head())
    kept = load(save(posterior.tensors()))
    again = type(posterior).from_tensors(kept, head(seed=99).float())
    assert torch.equal(draw(again, features()).log_probs, draw(posterior, features()).log_probs)
    assert set(again.tensors()) == set(kept)


@every
def test_the_tensors_of_something_else_are_refused(name: str):
    posterior = MADE[name](head())
    tensors = posterior.tensors()
    with pytest.raises(ModelError):
        type(posterior).from_tensors({}, head())
    with pytest.raises(ModelError, match="tensors of this head"):
        type(posterior).from_tensors(tensors, nn.Sequential(nn.Linear(D, C), nn.Dropout(0.5), nn.Linear(C, C)))


@every
def test_the_head_is_left_as_found_and_copied(name: str):
    net = head().train()
    net[1].eval()
    flags = [module.training for module in net.modules()]
    before = deepcopy(net.state_dict())
    state = torch.get_rng_state()
    posterior = MADE[name](net)
    first = draw(posterior, features()).log_probs
    assert [module.training for module in net.modules()] == flags
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(weight.requires_grad for weight in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(1)
    assert torch.equal(draw(posterior, features()).log_probs, first)


@every
@pytest.mark.usefixtures("as_users_run")
def test_wrong_arguments_are_refused(name: str):
    posterior = MADE[name](head())
    with pytest.raises(ModelError, match="one draw"):
        posterior.draws(features(), k=0, seed=0)
    for wrong in (features()[:, :-1], features()[:, None]):
        with pytest.raises(ModelError, match=rf"features \[N, {D}\]"):
            posterior.draws(wrong, k=1, seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every
def test_on_cuda_as_on_the_cpu(name: str):
    there = draw(MADE[name](head().cuda()), features())
    assert there.log_probs.device.type == "cuda"
    close(Draws(there.log_probs.cpu(), there.joint), draw(MADE[name](head()), features()), atol=1e-6)
