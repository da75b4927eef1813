"""Heads on cached maps, on BCCD: how good and how steady, what a fit and a score cost, how draws rank.

Four heads are trained apart on 50 of its images, then measured on its test images, each and all. Costs are ratios
in one process: of draws to the same without, of a step of the whole network to one of a head. Ranks are
Spearman's, of BALD by few draws or the closed form against 1,000 masks.
"""

import argparse
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from _measure import interleaved, ratio, write
from peers.memory import forget_peak, mib
from scipy.stats import spearmanr

from askance.acquisition import score
from askance.maths import aggregate, keyed_uniform
from askance.networks.found import units
from askance.studies.boxes import boxed
from askance.tasks.detection import Detection
from askance.tasks.detection.finding import Drawn, Search, find
from askance.tasks.detection.fitting import BoxObjective
from askance.tasks.detection.targets import things
from askance.vocab import Labelled
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

STARTS = 4
NONE = Labelled((), ())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("work/boxes"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    problem = boxed(str(asked.data / "bccd/images"), str(asked.data / "bccd/annotations.json"))
    task = task_of(problem, asked)
    pool, order = problem.pool, np.argsort(keyed_uniform(problem.pool.ids, 0, "fifty"))
    chosen = Labelled(*zip(*[(pool.ids[i], pool.targets[i]) for i in order[:100]], strict=True))
    fifty = Labelled(chosen.ids[:50], chosen.targets[:50])
    began = time.process_time()
    task.fit(Labelled(chosen.ids[:2], chosen.targets[:2]), NONE, warm=None, seed=0)  # imports, and nothing else
    for ids in (chosen.ids, problem.test.ids):
        task._reader.prepare(ids)
    task._reader.prepare(chosen.ids, mirrored=True)
    print(f"maps and imports: {time.process_time() - began:.0f} s", flush=True)

    heads, fits, aps = [], [], []
    single = task_of(problem, asked, members=2)
    for start in range(STARTS // 2):
        began = time.process_time()
        model = single.fit(fifty, NONE, warm=None, seed=start).model
        fits.append((time.process_time() - began) / 2)
        heads += model.heads
    model = replace(model, heads=tuple(heads))
    for head in heads:
        alone = replace(model, heads=(head,))
        aps.append(task.measure(alone, problem.test, k=1, seed=0)["ap50"])
        print(f"start {len(aps)}: AP50 {aps[-1]:.3f}", flush=True)
    both = task.measure(model, problem.test, k=4, seed=0)
    lines = [
        "## Good and steady: 50 images of BCCD, 320 x 256, 72 test images",
        "",
        "| | figure | goal |",
        "|---|---|---|",
        f"| AP50, mean of {STARTS} starts | {np.mean(aps):.3f} ({', '.join(f'{ap:.3f}' for ap in aps)}) | .66 |",
        f"| standard deviation over starts | {np.std(aps, ddof=1):.3f} | at most .05 |",
        f"| AP50 of their mean (AP75) | {both['ap50']:.3f} ({both['ap75']:.3f}) | |",
        f"| fit of one head, CPU s | {np.mean(fits):.1f} | at most 10 |",
        f"| maps of an image, bytes | {2 * task._reader.numbers:,} | at most 200,000 |",
        *costs(task, replace(model, heads=model.heads[:1]), problem),
        *memory(task, replace(model, heads=model.heads[:1]), problem),
        *whole(task, single, chosen),
        *ranks(task, replace(model, heads=model.heads[:1]), problem),
    ]
    print(write("boxes", lines))


def task_of(problem, asked, members=STARTS):
    model = ModelConfig(
        name="mobilenetv2_100",
        weights=str(asked.data / "weights/mobilenetv2_100_imagenet.safetensors"),
        options={"pad_type": "same"},
        posterior="ensemble",
        members=members,
        dropout=0.1,
    )
    train = TrainConfig(device="cpu")
    return Detection(
        model, train, DetectorConfig(input=(320, 256)), problem.classes, problem.images,
        sizes=problem.sizes, features=asked.cache,
    )  # fmt: skip


def costs(task, model, problem):
    """Milliseconds an image from cached maps, without draws and with."""
    parts = [task._reader.known(problem.test.ids[i : i + 32]) for i in range(0, 64, 32)]
    plain, goals = "without draws", {"50 masks": 1.3, "closed form, 50 draws": 1.3}
    ways = {
        plain: Drawn("softmax", 1, 0),
        "50 masks": Drawn("mc-dropout", 50, 0),
        "closed form, 50 draws": Drawn("dropout-moments", 50, 0),
    }

    def scored(how, draws):
        for maps in parts:
            made = units(find(model, maps, Search(0.05, 100), how))
            if draws:
                score("bald", draws=made.draws)

    times = interleaved({name: partial(scored, how, name != plain) for name, how in ways.items()}, 7)
    lines = [f"| score an image from its maps, ms | {median(times[plain]) / 64 * 1e3:.2f} | at most 2 |"]
    return lines + [
        f"| the same with {name}, times without | {ratio(times, name, plain)} | at most {goal} |"
        for name, goal in goals.items()
    ]


def memory(task, model, problem):
    """Peak memory above the start while images are drawn and scored from cached maps."""
    peaks = []
    for n in (64, 2048):
        ids = (problem.test.ids * -(-n // len(problem.test)))[:n]
        forget_peak()
        before = mib("VmRSS")
        for chunk in task.draws(model, ids, k=50, seed=0):
            score("bald", draws=chunk.units.draws)
        peaks.append(mib("VmHWM") - before)
    said = " and ".join(f"{peak:.0f}" for peak in peaks)
    return [f"| peak above the start while 64 and 2,048 images are scored, MiB | {said} | flat |"]


def whole(task, single, chosen):
    """A step of head and trunk together, from pixels, beside a step of the head from maps."""
    of = [things(said, {name: i for i, name in enumerate(task.classes)}, 1.0) for said in chosen.targets]
    objective = BoxObjective(of, len(task.classes), task._trunk.levels[0], task.input[0])
    model = single.fit(Labelled(chosen.ids[:8], chosen.targets[:8]), NONE, warm=None, seed=0).model
    head, network = model.heads[0].train(), task._trunk.movable()
    images = task._reader._normalise(torch.from_numpy(task._images.load(chosen.ids[:8], task._reader.look)[0]))
    maps = task._reader.known(chosen.ids[:8])
    places, none = torch.arange(8), torch.zeros(8, dtype=torch.bool)
    for weight in network.parameters():
        weight.requires_grad_(True)

    def of_head():
        torch.autograd.backward(objective(head(maps), places, none))

    def of_all():
        torch.autograd.backward(objective(head(network(images)), places, none))

    times = interleaved({"head": of_head, "all": of_all}, 7)
    cost = [median(times[name]) / 8 * 1e3 for name in ("head", "all")]
    said = f"{ratio(times, 'all', 'head')}; {cost[0]:.1f} and {cost[1]:.1f} ms an image"
    return [f"| a step of trunk and head, times one of the head | {said} | at least 15 |"]


def ranks(task, model, problem):
    """Spearman of BALD against 1,000 masks, per box and per image (mean of the three highest)."""
    maps = [task._reader.known(problem.test.ids[i : i + 24]) for i in range(0, 72, 24)]

    def bald(how):
        each, images = [], []
        for part in maps:
            made = units(find(model, part, Search(0.05, 100), how))
            scores = score("bald", draws=made.draws)
            each.append(scores)
            images.append(aggregate(scores, made.image, made.n_images, "top3-mean"))
        return torch.cat(each), torch.cat(images)

    true = bald(Drawn("mc-dropout", 1000, 1))
    lines = [
        "",
        "## Ranks of BALD against 1,000 masks of one head, 72 test images",
        "",
        "| draws | per box | per image |",
    ]
    lines.append("|---|---|---|")
    ways = {f"{k} masks": Drawn("mc-dropout", k, 2) for k in (20, 50, 200)}
    ways["1,000 other masks"] = Drawn("mc-dropout", 1000, 3)
    ways["closed form, 50 draws"] = Drawn("dropout-moments", 50, 2)
    ways["closed form, 200 draws"] = Drawn("dropout-moments", 200, 2)
    for name, how in ways.items():
        found = bald(how)
        row = [spearmanr(a, b).statistic for a, b in zip(true, found, strict=True)]
        lines.append(f"| {name} | {row[0]:.3f} | {row[1]:.3f} |")
    return lines


if __name__ == "__main__":
    main()
