"""What uncertainty herding costs: 100,000 images of 512 numbers, batches of 1 to 1,000.

The limit is the product of all features with those of the witnesses, `[N, D] @ [D, W]` in float32: no search can
know what every image adds for less. One thread; CPU seconds; ratios are to that product in the same run.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from askance.selection.coverage import WITNESSES
from askance.selection.uncertainty_herding import uncertainty_herding

HERE = Path(__file__).parent


def features(n: int, d: int, kinds: int) -> torch.Tensor:
    """Clusters of unequal size, none tight: as frozen features of photographs lie."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(kinds, d, generator=generator)
    of = (torch.rand(n, generator=generator) ** 2 * kinds).long()
    return centres[of] + 0.8 * torch.randn(n, d, generator=generator)


def seconds(work) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 100, 1000])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = features(asked.n, asked.d, 300)
    ids = [f"{i:032x}" for i in range(asked.n)]
    doubt = np.random.default_rng(0).random(asked.n) ** 3
    seen = rows[:WITNESSES].T.contiguous()
    product = seconds(lambda: [part @ seen for part in torch.split(rows, 1000)])
    lines = [f"| one product of all features with {WITNESSES:,} | {product:.1f} | 1 |"]
    for n in asked.batches:
        spent = seconds(lambda n=n: uncertainty_herding(doubt, rows, rows[:0], ids, n, seed=0))
        lines.append(f"| a batch of {n:,} | {spent:.1f} | {spent / product:.1f} |")
        print(lines[-1], flush=True)
    page = (
        f"# Uncertainty herding, {asked.n:,} images of {asked.d} numbers\n\n"
        f"{__doc__.split(chr(10), 2)[2].strip()}\n\n"
        "| what | CPU s | to the product |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )
    place = HERE / "results" / f"{date.today().isoformat()}-herding.md"
    place.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
