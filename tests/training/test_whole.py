"""A trunk trained with the heads on its maps: against a slow twin, and what stays as it was."""

import math
from copy import deepcopy

import pytest
import torch
from torch import nn

from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.training.whole import WholeRecipe, fit_whole
from askance.vocab import Diverged

N, STEPS = 5, 6
LEVELS = (Level(1, 4, 4, 4),)
RECIPE = WholeRecipe("all", epochs=STEPS, rate=3e-2, trunk_rate=1e-2, decay=1e-2)
IMAGES = torch.randn(N, 3, 4, 4, generator=torch.Generator().manual_seed(7))


class Trunk(nn.Module):
    """One map of a convolution; `still` is no part of what moves."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.still = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.requires_grad_(False)

    def forward(self, images):
        return (torch.relu(self.still(self.conv(images))),)

    def moving(self, moves, images):
        assert moves == "all"
        assert images.shape[0] == 1
        return {"conv.weight": self.conv.weight, "conv.bias": self.conv.bias}


def heads(n=2):
    made = []
    for seed in range(n):
        torch.manual_seed(seed)
        made.append(DenseHead(LEVELS, 2, width=8, dropout=0.2))
    return made


def photographs(places, mirrored):
    some = IMAGES[list(places)]
    return some.flip(3) if mirrored else some


def objective(outputs, chosen, mirrored):
    """Another target an image, and another where it is mirrored."""
    wanted = 3.0 * chosen + 10.0 * mirrored
    return (outputs - wanted[:, None, None, None]).square().mean()


def fitted(trunk=None, recipe=RECIPE, seed=5, **options):
    return fit_whole(
        trunk or Trunk(), heads(), options.get("photographs", photographs), N, objective, recipe, seed=seed
    )


def twin(seed=5):
    """The same, a weight at a time: AdamW written out, clipped by part, the mean of the weights."""
    trunk, made = Trunk().eval(), [head.train() for head in heads()]
    parts = [[trunk.conv.weight, trunk.conv.bias], *([w for w in h.parameters() if w.requires_grad] for h in made)]
    trunk.conv.requires_grad_(True)
    means = [[w.detach().clone() for w in part] for part in parts]
    first = [[torch.zeros_like(w) for w in part] for part in parts]
    second = [[torch.zeros_like(w) for w in part] for part in parts]
    torch.manual_seed(seed)
    for step in range(STEPS):
        order = torch.randperm(N).tolist()
        mirrored = torch.rand(N) < 0.5
        chosen = sorted(order)
        images = torch.cat([photographs([i], bool(flip)) for i, flip in zip(chosen, mirrored, strict=True)])
        maps = trunk(images.contiguous(memory_format=torch.channels_last))
        loss = sum(objective(head(maps), torch.tensor(chosen), mirrored) for head in made)
        flat = [w for part in parts for w in part]
        gradients = iter(torch.autograd.grad(loss, flat))
        for p, part in enumerate(parts):
            own = [next(gradients) for _ in part]
            length = math.sqrt(sum(float(g.square().sum()) for g in own))
            own = [g * min(1.0, 5.0 / (length + 1e-6)) for g in own]
            rate, beta = one_cycle(RECIPE.trunk_rate if p == 0 else RECIPE.rate, step)
            with torch.no_grad():
                for i, (w, g) in enumerate(zip(part, own, strict=True)):
                    first[p][i] = beta * first[p][i] + (1 - beta) * g
                    second[p][i] = 0.999 * second[p][i] + 0.001 * g.square()
                    w.mul_(1 - rate * RECIPE.decay)
                    m, v = first[p][i] / (1 - beta ** (step + 1)), second[p][i] / (1 - 0.999 ** (step + 1))
                    w.sub_(rate * m / (v.sqrt() + 1e-8))
                    means[p][i] = 0.95 * means[p][i] + 0.05 * w
    return means


def one_cycle(highest, step):
    """Rate and momentum of torch's OneCycleLR: up over three tenths of the steps by a cosine, then down."""
    up, last = 0.3 * STEPS - 1, STEPS - 1
    low, least = highest / 25, highest / 25 / 1e4

    def cosine(a, b, share):
        return b + (a - b) / 2 * (1 + math.cos(math.pi * share))

    if step <= up:
        return cosine(low, highest, step / up), cosine(0.95, 0.85, step / up)
    return cosine(highest, least, (step - up) / (last - up)), cosine(0.85, 0.95, (step - up) / (last - up))


def test_equals_its_slow_twin():
    done, means = fitted(), twin()
    assert torch.allclose(done.weights["conv.weight"], means[0][0], atol=1e-5)
    assert torch.allclose(done.weights["conv.bias"], means[0][1], atol=1e-5)
    for head, wanted in zip(done.heads, means[1:], strict=True):
        own = [w for w in head.parameters() if w.requires_grad]
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(own, wanted, strict=True))


def test_heads_that_came_and_statistics_stay():
    came, trunk = heads(), Trunk()
    before = deepcopy(trunk.still.state_dict())
    done = fit_whole(trunk, came, photographs, N, objective, RECIPE, seed=5)
    assert all(torch.equal(before[name], value) for name, value in trunk.still.state_dict().items())
    for head, again in zip(came, heads(), strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(head.state_dict().values(), again.state_dict().values(), strict=True)
        )
    assert not any(head.training for head in done.heads)
    assert not any(torch.equal(a.linear.weight, b.linear.weight) for a, b in zip(came, done.heads, strict=True))


def test_a_loss_that_is_no_number_is_told():
    def blank(places, mirrored):
        return photographs(places, mirrored) * math.nan

    with pytest.raises(Diverged, match="nan at step 1"):
        fitted(photographs=blank)
