"""A BatchBALD batch by batchbald_redux, and its joint entropies; prints JSON. Runs in its own environment.

python batchbald_redux_batch.py LOG_PROBS.npy N B SAMPLES [REPEATS]

With REPEATS also its sampled estimate of the joint entropy of that batch, so many times afresh.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from batchbald_redux.batchbald import get_batchbald_batch
from batchbald_redux.joint_entropy import SampledJointEntropy
from memory import forget_peak, mib


def joint_entropy(log_probs, batch, samples):
    """As DynamicJointEntropy does it: sampled over all but the last image, exact over the last."""
    sampled = SampledJointEntropy.sample(log_probs[batch[:-1]].exp(), samples)
    return float(sampled.compute_batch(log_probs[batch[-1:]])[0])


def main():
    torch.set_num_threads(1)
    path, n, size, samples = sys.argv[1], *map(int, sys.argv[2:5])
    repeats = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    torch.manual_seed(0)
    log_probs = torch.from_numpy(np.load(path)[:n]).double()
    before = mib("VmRSS")
    forget_peak()
    start = time.process_time()
    batch = get_batchbald_batch(log_probs, size, samples, dtype=torch.double)
    cpu = time.process_time() - start
    peak = mib("VmHWM") - before
    again = [joint_entropy(log_probs, batch.indices, samples) for _ in range(repeats)]
    print(
        json.dumps(
            {
                "cpu": cpu,
                "rss_mb": peak,
                "indices": batch.indices,
                "scores": batch.scores,
                "joint_entropies": again,
                "versions": {name: version(name) for name in ("batchbald_redux", "torch", "numpy")},
            }
        )
    )


if __name__ == "__main__":
    main()
