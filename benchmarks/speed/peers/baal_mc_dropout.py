"""MC-dropout BALD by baal on Gal's network, prints JSON. Runs in its own environment.

python baal_mc_dropout.py IMAGES.npy K default|loop
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from baal.active.heuristics import BALD
from baal.bayesian.dropout import patch_module
from baal.modelwrapper import ModelWrapper, TrainingArgs
from memory import forget_peak, mib
from torch import nn

MODES = {"default": {}, "loop": {"replicate_in_memory": False}}


class Images(torch.utils.data.Dataset):
    """Images with a target that nobody looks at."""

    def __init__(self, images):
        self.images = torch.from_numpy(images)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], 0


def gal_net():
    return nn.Sequential(
        nn.Conv2d(1, 32, 4), nn.ReLU(), nn.Conv2d(32, 32, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(3872, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def main():
    torch.set_num_threads(1)
    images, k = np.load(sys.argv[1]), int(sys.argv[2])
    torch.manual_seed(0)
    net = patch_module(gal_net(), inplace=False).eval()
    wrapper = ModelWrapper(net, TrainingArgs(batch_size=32, use_cuda=False, **MODES[sys.argv[3]]))
    wrapper.predict_on_dataset(Images(images[:32]), iterations=2)
    before = mib("VmRSS")
    forget_peak()
    start, wall = time.process_time(), time.perf_counter()
    predictions = wrapper.predict_on_dataset(Images(images), iterations=k)
    scores = BALD().compute_score(predictions)
    assert scores.shape == (len(images),)
    print(
        json.dumps(
            {
                "cpu": time.process_time() - start,
                "wall": time.perf_counter() - wall,
                "rss_mb": mib("VmHWM") - before,
                "versions": {name: version(name) for name in ("baal", "torch", "numpy")},
                "replicate_in_memory": wrapper.args.replicate_in_memory,
            }
        )
    )


if __name__ == "__main__":
    main()
