"""What draws of a known detector cost beside one deterministic pass: Faster R-CNN, ResNet-50, 640 pixels.

`python benchmarks/speed/detectors.py` writes a dated page under results/. Random weights; of 100 proposals each is
a box, so that draws are of as many boxes as there can be.
"""

import argparse

import torch
from _measure import interleaved, least, ratio, write

from askance.networks.detectors.build import Spec, build

OWN = "the library's own pass"
GOALS = {"50 masks": 1.2, "closed form, 50 draws": 1.05}


def main() -> None:
    """Time three ways, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--classes", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    classes = tuple(f"class {i}" for i in range(asked.classes))
    options = {"min_size": 640, "max_size": 640}
    made = {
        how: build(Spec("torchvision/fasterrcnn_resnet50_fpn", classes, how=how, options=options), seed=0)
        for how in ("mc-dropout", "dropout-moments", "softmax")
    }
    net = made["mc-dropout"].net
    for one in made.values():
        one.net.roi_heads.nms_thresh = 1.0
    image = torch.randint(0, 256, (3, 640, 640), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    n_boxes = {how: len(one.found([image], k=2, seed=0, least=1e-6)) for how, one in made.items()}

    def library() -> object:
        with torch.inference_mode():
            return net([image / 255])

    times = interleaved(
        {
            OWN: library,
            "one pass here, without draws": lambda: made["softmax"].found([image], k=1, seed=0, least=1e-6),
            "50 masks": lambda: made["mc-dropout"].found([image], k=50, seed=0, least=1e-6),
            "closed form, 50 draws": lambda: made["dropout-moments"].found([image], k=50, seed=0, least=1e-6),
        },
        asked.repetitions,
    )
    base = "one pass here, without draws"
    lines = [
        f"Faster R-CNN R50 FPN at 640 x 640, {asked.classes} classes, {n_boxes['mc-dropout']} boxes, batch 1.",
        "",
        "| | s, the least | times one pass | by the least times | goal |",
        "|---|---|---|---|---|",
        f"| {base} | {min(times[base]):.3f} | 1 | 1 | |",
        f"| {OWN} | {min(times[OWN]):.3f} | {ratio(times, OWN, base)} | {least(times, OWN, base)} | |",
    ]
    lines += [
        f"| {name} | {min(times[name]):.3f} | {ratio(times, name, base)} | {least(times, name, base)} | {goal} |"
        for name, goal in GOALS.items()
    ]
    print("\n".join(lines))
    print(write("detectors", lines))


if __name__ == "__main__":
    main()
