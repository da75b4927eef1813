"""How fast the networks of `askance models` are on one core, beside MobileNetV2 at 224 pixels.

python benchmarks/speed/models.py [--n 16] [--repetitions 5] [--only NAME,NAME]

Weights are random: speed does not depend on them. Each is run as a frozen trunk is, 64 images at a time or fewer,
channels last, at its own size.
"""

import argparse

import torch
from _measure import deterministic, interleaved, ratio, write

from askance.networks import LISTED
from askance.networks.model import build_trunk
from askance.vocab.config import ModelConfig

FIRST = "mobilenetv2_100.ra_in1k"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.only.split(",") if options.only else [one.name for one in LISTED]
    chosen = [one for one in LISTED if one.name in names and one.name != FIRST]
    trunks = {}
    for one in [next(one for one in LISTED if one.name == FIRST), *chosen]:
        trunk = build_trunk(ModelConfig(name=one.name, size=one.size, options=one.options), 0)
        images = torch.rand(options.n, 3, one.size, one.size, generator=torch.Generator().manual_seed(0))
        trunks[one.name] = (trunk.to(memory_format=torch.channels_last).eval(), images)

    def run(name):
        return lambda: deterministic(*trunks[name])

    times = interleaved({name: run(name) for name in trunks}, options.repetitions)
    lines = [
        f"{options.n} random images, weights at random, {options.repetitions} repetitions.",
        "",
        "| network | CPU ms an image | images a second, MobileNetV2 = 1 |",
        "|---|---|---|",
    ]
    for name in trunks:
        ms = 1e3 * min(times[name]) / options.n
        lines.append(f"| {name} | {ms:.1f} | {ratio(times, FIRST, name)} |")
    print("\n".join(lines))
    print(write("models", lines))


if __name__ == "__main__":
    main()
