"""Training the slow way: passes dealt by hand, and the loop as it is with every option left alone.

Letters: N images, C classes that have labels, n_c labels of class c.
"""

from collections import Counter

import torch
from torch import nn

from askance.maths import keyed_seed
from askance.training.averages import Settled
from askance.training.steps import minibatches


def weights(targets):
    """N / (C n_c) by counting."""
    counts = Counter(targets)
    return [len(targets) / (len(counts) * counts[target]) for target in targets]


def in_passes(values, among):
    """Whether each run of len(among) values, cut from the start, holds everything once (the last one: at most)."""
    size = len(among)
    runs = [values[start : start + size] for start in range(0, len(values), size)]
    return all(sorted(run) == sorted(among) for run in runs[:-1]) and len(set(runs[-1])) == len(runs[-1])


def plain_training(part, examples, config, *, decay, seed):
    """What `minimise` did before it had options, on the CPU; the module's weights are moved in place."""
    decayed = [weight for weight in part.parameters() if weight.dim() > 1]
    spared = [weight for weight in part.parameters() if weight.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 2 * (decay / len(examples.targets))}, {"params": spared}]
    optimiser = torch.optim.Adam(groups, lr=config.learning_rate or 2e-3, fused=True)
    settled, mean = Settled(config.min_steps), [weight.detach().clone() for weight in part.parameters()]
    order = minibatches(len(examples.targets), config.batch, keyed_seed("minibatches", seed))
    part.train()
    torch.manual_seed(keyed_seed("dropout", seed))
    for step in range(1, config.max_steps + 1):
        chosen = next(order)
        loss = nn.functional.cross_entropy(part(examples.read(chosen)), examples.targets[chosen])
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        share = 1 - min(0.98, step / (step + 10))
        for old, weight in zip(mean, part.parameters(), strict=True):
            old.lerp_(weight.detach(), share)
        if settled(float(loss.detach())):
            break
    return mean
