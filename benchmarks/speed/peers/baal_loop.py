"""One round of baal's own loop on Gal's network: train, score, label; prints JSON. Runs in its own environment.

python baal_loop.py LABELLED.npz POOL.npy STEPS K

LABELLED.npz holds `images` [n, 1, 28, 28] and `targets` [n]; all of POOL is scored.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from baal.active import ActiveLearningDataset
from baal.active.active_loop import ActiveLearningLoop
from baal.active.heuristics import BALD
from baal.bayesian.dropout import patch_module
from baal.modelwrapper import ModelWrapper, TrainingArgs
from baal_mc_dropout import gal_net
from memory import mib
from torch import nn

BATCH = 16


class Labelled(torch.utils.data.Dataset):
    """Images with their targets."""

    def __init__(self, images, targets):
        self.images, self.targets = torch.from_numpy(images), torch.from_numpy(targets)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], int(self.targets[i])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    known, pool = np.load(sys.argv[1]), np.load(sys.argv[2])
    steps, k = int(sys.argv[3]), int(sys.argv[4])
    images = np.concatenate([known["images"], pool])
    targets = np.concatenate([known["targets"], np.zeros(len(pool), np.int64)])
    dataset = ActiveLearningDataset(
        Labelled(images, targets), labelled=np.arange(len(images)) < len(known["images"])
    )
    net = patch_module(gal_net(), inplace=False)
    arguments = TrainingArgs(
        optimizer=torch.optim.Adam(net.parameters(), lr=2e-3),
        criterion=nn.CrossEntropyLoss(),
        batch_size=BATCH,
        epoch=max(1, round(steps / -(-len(known["images"]) // BATCH))),
        use_cuda=False,
    )
    wrapper = ModelWrapper(net, arguments)
    loop = ActiveLearningLoop(dataset, wrapper.predict_on_dataset, BALD(), query_size=10, iterations=k)
    clock = [time.process_time()]
    wrapper.train_on_dataset(dataset)
    clock.append(time.process_time())
    assert loop.step()
    clock.append(time.process_time())
    assert dataset.n_labelled == len(known["images"]) + 10
    print(
        json.dumps(
            {
                "train": clock[1] - clock[0],
                "score": clock[2] - clock[1],
                "rss_mb": mib("VmHWM"),
                "versions": {name: version(name) for name in ("baal", "torch", "numpy")},
            }
        )
    )


if __name__ == "__main__":
    main()
