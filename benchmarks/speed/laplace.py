"""Peak memory and time of last-layer Laplace with many classes.

python benchmarks/speed/laplace.py [--classes 1000] [--features 2048] [--n 1000] [--k 20]

Each structure in a process of its own, because a peak never falls; it is of the whole process, imports included.
"""

import argparse
import json
import resource
import sys
import time

import torch
from _measure import said_by, write
from torch import nn

from askance.acquisition import bald
from askance.uncertainty import fit_laplace


def measure(structure: str, classes: int, width: int, n: int, k: int) -> dict[str, float]:
    """Fit to n images, score n others."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(width, classes))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    posterior = fit_laplace(head, [(torch.randn(n, width), torch.arange(n) % classes)], structure=structure)  # type: ignore[arg-type]
    fitted = time.process_time()
    bald(posterior.draws(torch.randn(n, width), k=k, seed=0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "fit": fitted - began,
        "score": time.process_time() - fitted,
        "peak": peak / 2**20,
        "before": before / 2**20,
    }


def main() -> None:
    """Measure each structure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = (options.classes, options.features, options.n, options.k)
    if options.one:
        print(json.dumps(measure(options.one, *sizes)))
        return
    lines = [
        f"{options.classes:,} classes, {options.features:,} features, fitted to {options.n:,} images and BALD of"
        f" {options.n:,} others with K = {options.k}; random features and weights. Goal: 4 GiB.",
        "",
        "| structure | peak, GiB | of that before | fit, CPU s | score, CPU s |",
        "|---|---|---|---|---|",
    ]
    for structure in ("kron", "diag"):
        found = said_by([sys.executable, __file__, *sys.argv[1:], "--one", structure])
        numbers = [
            f"{found['peak']:.2f}",
            f"{found['before']:.2f}",
            f"{found['fit']:.1f}",
            f"{found['score']:.1f}",
        ]
        lines.append(f"| {structure} | " + " | ".join(numbers) + " |")
    print("\n".join(lines))
    print(write("laplace", lines))


if __name__ == "__main__":
    main()
