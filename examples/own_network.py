"""Score images by a network of your own: any nn.Module that has dropout somewhere.

Run it: python examples/own_network.py
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

import askance as ak


class Net(nn.Module):
    """A small classifier, written as people write them: BatchNorm, dropout by a function, a dict as output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3)
        self.norm = nn.BatchNorm2d(16)
        self.hidden = nn.Linear(16 * 3 * 3, 64)
        self.classes = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images [N, 1, 8, 8] to a dict, as segmentation and transformer models return it."""
        x = functional.max_pool2d(functional.relu(self.norm(self.conv(images))), 2)
        x = functional.relu(self.hidden(x.flatten(1)))
        x = functional.dropout(x, 0.5, self.training)
        return {"out": self.classes(x)}


def main() -> ak.Picks:
    """Draw 50 networks, score 100 images by BALD, pick five."""
    torch.manual_seed(0)
    model = Net()  # train it as you always do
    images = torch.rand(100, 1, 8, 8)

    draws = ak.mc_dropout(model, images, k=50, seed=0, read=lambda output: output["out"])
    print(draws)  # Draws(N=100, K=50, C=10, joint)

    scores = ak.score("bald", draws=draws)  # [100], in nats; higher: more worth a label
    picks = ak.select("power", scores=scores, n=5, seed=0)
    print("label these images next:", picks.ids)
    return picks


if __name__ == "__main__":
    main()
