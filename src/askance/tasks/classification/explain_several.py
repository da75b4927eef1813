"""What the draws said of an image that may have several labels, for people.

Letters: N images, K draws, L labels.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from askance.maths import Draws, entropy
from askance.tasks.classification.explain import TOP
from askance.tasks.classification.several import log_mean_present, units_of_labels
from askance.vocab import Json
from askance.vocab.answers import written


def label_explanations(draws: Draws, classes: Sequence[str]) -> list[dict[str, Json]]:
    """For each image, JSON-able:

    `predicted`: the labels whose mean probability is a half or more, as people write them; `probabilities`: the
    mean probabilities of the `TOP` likeliest labels, best first, which do not add up to 1; `votes`: how many of
    the K draws say just these labels, most first; `entropy` and `bald`, nats: of each label, added up.
    """
    absent, present = log_mean_present(draws)
    mean = present.exp()
    units = units_of_labels(draws)
    of_mean = entropy(torch.stack([absent, present], dim=-1)).sum(dim=1)
    expected = entropy(units.draws.log_probs.double().cpu()).mean(dim=1).reshape(len(draws), -1).sum(dim=1)
    best = mean.sort(dim=1, descending=True, stable=True)
    logits = draws.log_probs[..., :-1] - draws.log_probs[..., -1:]
    said = (logits >= 0).cpu()
    return [
        {
            "predicted": written(name for name, p in zip(classes, mean[n].tolist(), strict=True) if p >= 0.5),
            "probabilities": {
                classes[int(best.indices[n, i])]: float(best.values[n, i]) for i in range(min(TOP, len(classes)))
            },
            "votes": _votes(said[n], classes),
            "entropy": float(of_mean[n]),
            "bald": max(0.0, float(of_mean[n] - expected[n])),
        }
        for n in range(len(draws))
    ]


def _votes(said: Bool[Tensor, "K L"], classes: Sequence[str]) -> dict[str, Json]:
    counts = Counter(
        written(name for name, there in zip(classes, row, strict=True) if there) for row in said.tolist()
    )
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(n for _, n in order[TOP:])
    found: dict[str, Json] = dict(order[:TOP])
    return found | ({"other answers": rest} if rest else {})
