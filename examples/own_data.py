"""Score images that come as numpy arrays, as a Dataset, or from a DataLoader.

Run it: python examples/own_data.py
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import askance as ak


def main() -> list[ak.Draws]:
    """The same draws from an array and from a loader, whatever its batch size."""
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)  # [1797, 1, 8, 8]

    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)]
    model = nn.Sequential(*layers)

    from_array = ak.mc_dropout(model, images, k=20, seed=0)

    dataset = TensorDataset(torch.from_numpy(images), torch.from_numpy(digits.target))
    loader = DataLoader(dataset, batch_size=100)  # in order: row n of the draws is image n
    from_loader = ak.mc_dropout(model, loader, k=20, seed=0)
    print(from_array, torch.equal(from_array.log_probs, from_loader.log_probs))

    # A loader of dicts: say which entry the images are.
    rows = [{"pixel_values": image, "labels": 0} for image in images[:50]]
    from_dicts = ak.mc_dropout(model, DataLoader(rows, batch_size=7), k=20, seed=0, key="pixel_values")

    # Probabilities from anywhere else: [N images, K models, C classes].
    votes = np.random.default_rng(0).multinomial(30, [0.1] * 10, size=(50, 3))
    from_votes = ak.Draws.from_probs(votes, joint=True, normalise=True)
    return [from_array, from_loader, from_dicts, from_votes]


if __name__ == "__main__":
    main()
