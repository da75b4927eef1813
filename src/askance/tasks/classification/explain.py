"""What the draws said of an image, for people.

Letters: N images, K draws, C classes.
"""

from collections.abc import Sequence

import torch

from askance.maths import Draws, entropy, log_mean_probs
from askance.vocab import Json

TOP = 5
"""Classes that are named with their probability."""


def explanations(draws: Draws, classes: Sequence[str]) -> list[dict[str, Json]]:
    """For each image, JSON-able:

    `predicted`: the class of the highest mean probability; `probabilities`: the mean probabilities of the `TOP`
    likeliest classes, best first; `votes`: how many of the K draws put each class first, most first;
    `entropy`: of the mean, nats; `bald`: the mutual information of prediction and network, nats (Houlsby et
    al. 2011, eq. 1).

    >>> draws = Draws.from_probs(torch.tensor([[[0.8, 0.2], [0.4, 0.6]]]), joint=True)
    >>> explanations(draws, ["cat", "dog"])[0]["votes"]
    {'cat': 1, 'dog': 1}
    """
    mean = log_mean_probs(draws.log_probs)
    total = entropy(mean)
    bald = total - entropy(draws.log_probs).mean(dim=1)
    best = mean.exp().sort(dim=1, descending=True, stable=True)
    said = draws.log_probs.argmax(dim=2)
    return [
        {
            "predicted": classes[int(best.indices[n, 0])],
            "probabilities": {
                classes[int(best.indices[n, i])]: float(best.values[n, i]) for i in range(min(TOP, draws.c))
            },
            "votes": _votes(said[n], classes),
            "entropy": float(total[n]),
            "bald": max(0.0, float(bald[n])),
        }
        for n in range(len(draws))
    ]


def _votes(said: torch.Tensor, classes: Sequence[str]) -> dict[str, Json]:
    counts = torch.bincount(said, minlength=len(classes))
    order = counts.argsort(descending=True, stable=True).tolist()
    return {classes[c]: int(counts[c]) for c in order if counts[c]}
