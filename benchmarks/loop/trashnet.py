"""Five rounds on TrashNet with the commands a person would type, against picking at random.

Each seed has its own 600 test images and 60 start labels (10 a class), the same for every arm. Images of one
group of near-duplicates lie on one side; the three photographs that stand under two classes are left out of both.
The trunk is the shared ImageNet MobileNetV2, frozen; the head is trained anew each round.

    python benchmarks/loop/trashnet.py            # resumes; a run that is finished is not run again
"""

import argparse
import datetime
import json
import os
import platform
import re
from collections import defaultdict
from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

from askance.cli.main import app
from askance.maths.curves import interval, labels_saved, paired_difference
from askance.report import plot_curves
from askance.session import Session
from askance.vocab import Curve

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
START, BATCH, ROUNDS, TEST = 60, 50, 5, 600


def askance(*arguments: object) -> None:
    """Run one command in this process, its output unseen."""
    with redirect_stdout(StringIO()):
        app([str(argument) for argument in arguments], standalone_mode=False)


def groups() -> tuple[set[str], dict[str, str]]:
    """Files to leave out, and the group of each near-duplicate, as the data's README lists them."""
    text = (DATA / "trashnet" / "README.md").read_text()
    files = r"[a-z]+/[a-z]+\d+\.jpg"
    twice = {
        name for line in re.findall(rf"^- ({files} = {files})$", text, re.M) for name in re.findall(files, line)
    }
    near = {}
    for line in re.findall(rf"^- ({files}(?:, {files})+)$", text, re.M):
        names = re.findall(files, line)
        near |= dict.fromkeys(names, names[0])
    return twice, near


def deal(seed: int) -> tuple[list[str], list[str], dict[str, str]]:
    """Start and test images (names), and the class of every image."""
    twice, near = groups()
    root = DATA / "trashnet" / "images"
    names = [str(path.relative_to(root)) for path in sorted(root.glob("*/*.jpg"))]
    names = [name for name in names if name not in twice]
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    test: list[str] = []
    taken: set[str] = set()
    for name in order:
        if len(test) < TEST and near.get(name, name) not in taken:
            same = [other for other in near if near[other] == near.get(name)] or [name]
            test += same
            taken.add(near.get(name, name))
    rest: defaultdict[str, list[str]] = defaultdict(list)
    for name in order:
        if name not in set(test):
            rest[name.split("/")[0]].append(name)
    start = [name for members in rest.values() for name in members[: START // len(rest)]]
    return start, test, {name: name.split("/")[0] for name in names}


def play(folder: Path, seed: int, strategy: str, settings: list[str]) -> Curve:
    """One project from init to its last round."""
    start, test, truth = deal(seed)
    pool = folder / "pool.txt"
    pool.write_text("".join(f"{DATA / 'trashnet' / 'images' / name}\n" for name in truth))
    labels = folder / f"start-{seed}.csv"
    rows = [f"{name},{truth[name]},train" for name in start] + [f"{name},{truth[name]},test" for name in test]
    labels.write_text("path,label,split\n" + "\n".join(rows) + "\n")
    root = folder / f"{strategy.replace(':', '_')}-{seed}"
    weights = DATA / "weights" / "mobilenetv2_100_imagenet.safetensors"
    askance(
        "init", root, "--pool", pool, "--labels", labels, "--model", "mobilenetv2_100",
        "--weights", weights, "--size", 160, "--seed", seed, "--set", 'model.options={pad_type="same"}',
        "--set", "train.weight_decay=[10.0]", *(word for one in settings for word in ("--set", one)),
    )  # fmt: skip
    (root / "features").symlink_to(common := folder / "features")
    common.mkdir(exist_ok=True)
    for number in range(1, ROUNDS + 2):
        askance("train", "-p", root)
        if number <= ROUNDS:
            askance("pick", "-n", BATCH, "--strategy", strategy, "-p", root)
            batch = folder / "batch.csv"
            batch.write_text(answer(root, truth))
            askance("import", batch, "-p", root)
        print(f"{strategy} seed {seed} round {number}", flush=True)
    with Session.open(root) as session:
        store = session.project.store
        rounds = store.rounds()
        found = [store.metrics(one.number) for one in rounds]
        names = ("accuracy", "macro_recall", "nll")
        metrics = {name: tuple(metric[f"test_{name}"] for metric in found) for name in names}
        return Curve(strategy, seed, tuple(one.labels for one in rounds), metrics)


def answer(root: Path, truth: dict[str, str]) -> str:
    """The last batch as a CSV with its labels filled in by somebody who knows."""
    with Session.open(root) as session:
        images = session.project.store.images()
        number = session.project.store.rounds()[-1].number
        paths = [Path(images[pick.image_id].uri) for pick in session.project.store.picks(number)]
    return "path,label\n" + "".join(f"{path},{truth['/'.join(path.parts[-2:])]}\n" for path in paths)


def main() -> None:
    """Play what has not been played, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--strategies", default="bald,power:bald,margin,random")
    parser.add_argument("--set", action="append", default=[], help="a setting, as of askance init")
    parser.add_argument("--work", type=Path, default=Path("work/trashnet"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    curves = []
    for seed in range(arguments.seeds):
        for strategy in arguments.strategies.split(","):
            file = arguments.work / f"{strategy.replace(':', '_')}-{seed}.json"
            if not file.exists():
                curve = play(arguments.work.resolve(), seed, strategy, arguments.set)
                done = {"labels": curve.labels, "metrics": dict(curve.metrics)}
                file.write_text(json.dumps(done))
            said = json.loads(file.read_text())
            metrics = {name: tuple(values) for name, values in said["metrics"].items()}
            curves.append(Curve(strategy, seed, tuple(said["labels"]), metrics))
    write(curves, arguments.strategies.split(","))


def _head(seeds: int) -> list[str]:
    """What was run, with what."""
    return [
        f"# TrashNet by the commands, {datetime.date.today()}",
        "",
        *(__doc__ or "").split("\n\n")[1].split("\n"),
        "",
        f"- {seeds} seeds, {START} labels to start from, {BATCH} a round, {ROUNDS} rounds, K = 100, 160 pixels",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "timm")),
        "- command: `python benchmarks/loop/trashnet.py`",
        "",
        "Test accuracy in %, mean over seeds with its 95 % t-interval, and the difference to random, by seed,"
        " with a bootstrap interval (rather too short for five pairs):",
        "",
    ]


def write(curves: list[Curve], strategies: list[str]) -> None:
    """A table of test accuracy by training size with intervals, and the difference to random."""
    by = {name: [curve for curve in curves if curve.strategy == name] for name in strategies}
    heads = [*strategies, *(f"{name} - random" for name in strategies if name != "random")]
    lines = ["| labels | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    bands = {name: interval(by[name], "accuracy") for name in strategies}
    gaps = {
        name: paired_difference(by[name], by["random"], "accuracy", generator=np.random.default_rng(0))
        for name in strategies
        if name != "random"
    }
    for i, size in enumerate(bands["random"].labels):
        cells = [f"{100 * b.mean[i]:.1f} ({100 * b.low[i]:.1f} to {100 * b.high[i]:.1f})" for b in bands.values()]
        cells += [
            f"{100 * g.mean[i]:+.1f} ({100 * g.low[i]:+.1f} to {100 * g.high[i]:+.1f})" for g in gaps.values()
        ]
        lines.append(f"| {size} | " + " | ".join(cells) + " |")
    saved = [
        "",
        "Labels to an accuracy that random reaches (and stays), median over seeds; random in brackets:",
        "",
    ]
    for name in gaps:
        levels = labels_saved(by[name], by["random"], "accuracy", below=False)
        saved.append(f"- {name}: " + ", ".join(f"{100 * x.level:.1f} %: {x.arm:g} ({x.random:g})" for x in levels))
    text = "\n".join([*_head(len(by["random"])), *lines, *saved]) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{datetime.date.today()}-trashnet.md").write_text(text)
    print(text)
    plot_curves(curves, RESULTS / "trashnet.png", metric="accuracy")


if __name__ == "__main__":
    main()
