"""A score of your own, in the catalogue beside BALD: `ak.score`, `Strategy` and `simulate` know it by its name.

Run it: python examples/own_score.py
"""

import torch
from torch import Tensor

import askance as ak


@ak.acquisitions
def second_guess(draws: ak.Draws) -> Tensor:
    """The mean probability of the second-best class: how near another answer is."""
    probs = draws.log_probs.exp().mean(dim=1)  # [N, K, C] -> [N, C]
    return probs.topk(2, dim=1).values[:, 1]  # [N]; higher: more worth a label


def main() -> Tensor:
    """Two images: one that the model is sure of, one between two classes."""
    probs = torch.tensor([[[0.98, 0.01, 0.01]], [[0.48, 0.47, 0.05]]])
    draws = ak.Draws.from_probs(probs, joint=True)
    scores = ak.score("second-guess", draws=draws)
    print(scores)  # tensor([0.0100, 0.4700])
    print(ak.Strategy.parse("power:second-guess"))  # any selection takes it
    return scores


if __name__ == "__main__":
    main()
