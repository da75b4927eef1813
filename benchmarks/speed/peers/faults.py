"""Faults of baal and batchbald_redux, each made to happen; prints a Markdown table. Runs in their environment.

python faults.py
"""

import math
import resource
from importlib.metadata import version

import numpy as np
import torch
from baal.active.heuristics import BALD, BatchBALD, Certainty, Entropy
from baal.active.heuristics.stochastics import PowerSampling
from baal.bayesian.caching_utils import LRUCacheModule
from baal.bayesian.consistent_dropout import ConsistentDropout
from batchbald_redux import batchbald, joint_entropy
from torch import nn


def draws(n, c, k, seed=0, scale=2.0):
    """Probabilities [n, c, k] of k networks that disagree."""
    logits = np.random.default_rng(seed).normal(scale=scale, size=(n, c, k))
    p = np.exp(logits)
    return p / p.sum(1, keepdims=True)


def bald(p):
    """[n], nats; p is [n, c, k]."""
    mean = p.mean(-1)
    entropy = -(np.where(mean > 0, mean * np.log(np.maximum(mean, 1e-300)), 0)).sum(1)
    each = -(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0)).sum(1).mean(-1)
    return entropy - each


def batchbald_drops_the_best():
    """The first of a batch must be the image of the highest BALD."""
    p = draws(300, 4, 20)
    best = int(bald(p).argmax())
    torch.manual_seed(0)
    order = list(BatchBALD(num_samples=5, num_draw=200).get_ranks(p)[0][:5])
    return f"{best} among the five", f"{[int(i) for i in order]}", best not in order


def batchbald_asks_for_all_memory():
    """10,000 images, 100 draws, 10 classes, its default of 500 draws of the history."""
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, resource.RLIM_INFINITY))
    p = draws(10_000, 10, 100).astype(np.float32)
    try:
        BatchBALD(num_samples=2).get_ranks(p)
    except MemoryError as error:
        return "a batch, with 16 GiB of address space", str(error).partition(" with")[0], True
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "a batch, with 16 GiB of address space", "a batch", False


def half_precision_is_softmaxed_again():
    """BALD of float16 probabilities must be that of the same numbers in float64."""
    p = draws(500, 10, 20)
    true, found = bald(p.astype(np.float16).astype(float)), BALD().compute_score(p.astype(np.float16))
    return f"mean BALD {true.mean():.3f}", f"{float(np.mean(found)):.3f}", abs(true.mean() - np.mean(found)) > 0.05


def entropy_of_averaged_logits():
    """Predictive entropy is that of the mean of the probabilities."""
    logits = np.random.default_rng(0).normal(scale=4, size=(500, 10, 20))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    mean = p.mean(-1)
    true = float(-(mean * np.log(mean)).sum(1).mean())
    found = float(np.mean(Entropy().compute_score(logits)))
    return f"mean entropy {true:.3f}", f"{found:.3f}", abs(true - found) > 0.05


def certainty_of_logits_moves_with_a_shift():
    """Adding a number to all logits changes no probability."""
    logits = np.random.default_rng(0).normal(size=(50, 4, 10))
    before, after = (float(np.mean(Certainty().compute_score(logits + shift))) for shift in (0.0, 100.0))
    return f"{before:.2f} after a shift of 100 too", f"{after:.2f}", abs(before - after) > 1


def power_sampling_cannot_be_called_by_the_loop():
    """The active loop calls a heuristic with predictions and targets."""
    try:
        PowerSampling(BALD(), query_size=5)(draws(50, 4, 10), None)
    except TypeError as error:
        return "a ranking", f"TypeError: {error}", True
    return "a ranking", "a ranking", False


def masks_are_never_redrawn():
    """A new round calls eval() on the network, which is to draw new masks."""
    torch.manual_seed(0)
    net = nn.Sequential(ConsistentDropout(0.5)).eval()
    x = torch.ones(1, 64)
    one = net(x)
    net.train()
    net.eval()
    return (
        "other masks after train() and eval()",
        "the same" if torch.equal(one, net(x)) else "others",
        (torch.equal(one, net(x))),
    )


def a_short_last_batch_redraws_the_masks():
    """Draw k must be one network for all images, in the last batch too."""
    torch.manual_seed(0)
    net = nn.Sequential(ConsistentDropout(0.5)).eval()
    whole, short = net(torch.ones(8, 64))[0], net(torch.ones(3, 64))[0]
    same = torch.equal(whole, short)
    return "one mask for the first image of a batch of 8 and of 3", "one" if same else "two", not same


def the_cache_is_stale():
    """After training, the output is the new network's."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    cached = LRUCacheModule(layer).eval()
    x = torch.ones(2, 4)
    with torch.no_grad():
        cached(x)
        cached.train()(x)
        layer.weight.mul_(2)
        cached.eval()
        stale = not torch.allclose(cached(x), layer(x))
    return "the new weights' output", "the old" if stale else "the new", stale


def redux_bald_of_certain_draws_is_nan():
    """Two sure draws that disagree carry log 2 nats."""
    p = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    found = float(batchbald.get_bald_batch(p.log(), 1).scores[0])
    return f"{math.log(2):.3f}", f"{found:.3f}", math.isnan(found)


def redux_batch_of_confident_draws_is_nan():
    """Gains of a batch in float32 where the draws are sure; the order must be by gain."""
    p = torch.from_numpy(draws(200, 10, 20, scale=40.0)).permute(0, 2, 1).float()
    with np.errstate(all="ignore"):
        batch = batchbald.get_batchbald_batch(p.clamp_min(1e-45).log(), 5, 10_000, dtype=torch.float32)
    scores = [float(score) for score in batch.scores]
    bad = any(map(math.isnan, scores))
    return "five numbers", ", ".join(f"{score:.2f}" for score in scores), bad


def redux_fewer_samples_than_draws():
    """5 configurations asked for, 20 draws."""
    try:
        p = torch.from_numpy(draws(50, 4, 20)).permute(0, 2, 1)
        sampled = joint_entropy.SampledJointEntropy.sample(p[:3], 5)
        sampled.compute_batch(p.log())
    except (RuntimeError, TypeError, AssertionError) as error:
        return (
            "an entropy, or a refusal in words",
            f"{type(error).__name__}: {str(error).splitlines()[0][:60]}",
            True,
        )
    return "an entropy, or a refusal in words", "an entropy", False


FAULTS = (
    batchbald_drops_the_best,
    batchbald_asks_for_all_memory,
    half_precision_is_softmaxed_again,
    entropy_of_averaged_logits,
    certainty_of_logits_moves_with_a_shift,
    power_sampling_cannot_be_called_by_the_loop,
    masks_are_never_redrawn,
    a_short_last_batch_redraws_the_masks,
    the_cache_is_stale,
    redux_bald_of_certain_draws_is_nan,
    redux_batch_of_confident_draws_is_nan,
    redux_fewer_samples_than_draws,
)


def main():
    torch.set_num_threads(1)
    names = ", ".join(f"{name} {version(name)}" for name in ("baal", "batchbald-redux", "torch", "numpy"))
    print(f"{names}\n\n| case | wanted | got | at fault |\n|---|---|---|---|")
    for fault in FAULTS:
        wanted, got, wrong = fault()
        case = fault.__name__.replace("_", " ")
        print(f"| {case}: {fault.__doc__} | {wanted} | {got} | {'yes' if wrong else 'no'} |")


if __name__ == "__main__":
    main()
