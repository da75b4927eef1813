"""Gal, Islam, Ghahramani 2017, section 5.5, as near as two cores allow: BALD against random on ISIC 2016 melanoma.

As in the paper: 80 benign and 20 malignant images to start from, 100 more a round, a balanced test set of 100 and
100, K = 20, positives flipped both ways, every model trained anew. Other than in the paper: 858 of the 900 images;
the trunk is frozen at 224 pixels, an ImageNet MobileNetV2 if no other is named, not a fine-tuned VGG16; a linear
head with dropout 0.5; 5 random splits, each with 3 starts of the head, averaged (the paper: 2 splits, 3 repeats).

    python benchmarks/loop/isic2016.py            # some minutes on one core
    python benchmarks/loop/isic2016.py --model torchvision/vgg16 --weights vgg16.safetensors    # the paper's trunk
"""

import argparse
import csv
import datetime
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import mean

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torchmetrics.functional.classification import binary_auroc

from askance.acquisition import score
from askance.maths import keyed_seed, log_mean_probs
from askance.maths.curves import interval, paired_difference
from askance.pool import MAX_PIXELS, FileImages, Look
from askance.pool.scanning import content_id
from askance.report import plot_curves
from askance.selection import select
from askance.tasks.classification.data import Normalisation
from askance.tasks.classification.model import build_head, build_trunk, join
from askance.tasks.classification.train import Examples, Recipe, minimise
from askance.uncertainty import DropoutPosterior
from askance.vocab import Curve
from askance.vocab.config import ModelConfig, TrainConfig

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
MODEL = ModelConfig(
    name="mobilenetv2_100",
    weights=str(DATA / "weights" / "mobilenetv2_100_imagenet.safetensors"),
    size=224,
    options={"pad_type": "same"},
)
HEAD = ModelConfig(dropout=0.5)
TRAIN = TrainConfig(device="cpu", weight_decay=(3.0,), max_steps=4000)
STRATEGIES = ("bald", "power:bald", "predictive-entropy", "random")
BATCH, ROUNDS, K, REPEATS, EACH = 100, 4, 20, 3, 100
TOGETHER = [("ISIC_0001442", "ISIC_0001742"), ("ISIC_0000519", "ISIC_0011295")]


def images() -> tuple[list[str], np.ndarray]:
    """Names, and 1 for malignant; of two images of one lesion the first."""
    with (DATA / "isic2016" / "labels.csv").open() as file:
        rows = [(Path(row["image"]).stem, row["label"]) for row in csv.DictReader(file)]
    second = {b for _, b in TOGETHER}
    kept = [(name, label) for name, label in rows if name not in second]
    return [name for name, _ in kept], np.array([label == "malignant" for _, label in kept], dtype=int)


def features(names: list[str], model: ModelConfig, work: Path) -> Tensor:
    """Trunk features of each image and its three flips, `[4, N, D]`, computed once for a trunk and its weights."""
    given = keyed_seed(model.name, str(model.weights), model.size)
    file = work / f"features-{given:x}.npy"
    if not file.exists():
        files = [DATA / "isic2016" / "images" / f"{name}.jpg" for name in names]
        uris = {content_id(path.read_bytes()): str(path) for path in files}
        pixels, places = FileImages(uris, max_pixels=MAX_PIXELS).load(list(uris), Look(model.size, 3))
        if len(places) < len(names):
            raise SystemExit(f"{len(places)} of {len(names)} images could be read")
        trunk = build_trunk(model, 0).eval()
        normalise = Normalisation(model.mean, model.std)
        rows: list[Tensor] = []
        with torch.inference_mode():
            for flips in ((), (3,), (2,), (2, 3)):
                parts = torch.split(torch.from_numpy(pixels), 32)
                rows.append(torch.cat([trunk(normalise(part).flip(flips)) for part in parts]))
        np.save(file, torch.stack(rows).numpy())
    return torch.from_numpy(np.load(file))


def split(labels: np.ndarray, seed: int) -> tuple[list[int], list[int], list[int]]:
    """Start, pool and test places: 80 + 20, the rest, 100 + 100."""
    generator = np.random.default_rng(seed)
    benign, malignant = (list(map(int, generator.permutation(np.flatnonzero(labels == c)))) for c in (0, 1))
    test = benign[:EACH] + malignant[:EACH]
    start = benign[EACH : EACH + 80] + malignant[EACH : EACH + 20]
    return start, benign[EACH + 80 :] + malignant[EACH + 20 :], test


def fit(rows: Tensor, labels: np.ndarray, known: list[int], seed: int) -> nn.Sequential:
    """A head trained on known images; malignant ones are there four times, as they are and flipped."""
    positive = [i for i in known if labels[i]]
    x = torch.cat([rows[0, known], *(rows[f, positive] for f in (1, 2, 3))])
    y = torch.tensor([*labels[known], *[1] * (3 * len(positive))])
    head = build_head(HEAD, x.shape[1], 2, seed)
    net = join(nn.Identity(), head)
    recipe = Recipe(TRAIN, Fabric(accelerator="cpu", devices=1), "head", True)
    minimise(net, Examples(lambda chosen: x[chosen], y), recipe, decay=TRAIN.weight_decay[0], seed=seed)
    return net.head


def play(rows: Tensor, labels: np.ndarray, names: list[str], strategy: str, seed: int) -> tuple[list[float], int]:
    """AUROC by round, the mean over repeats, and how many malignant images were labelled in the end."""
    start, pool, test = split(labels, seed)
    found = []
    positives = []
    for repeat in range(REPEATS):
        known, rest, areas = list(start), list(pool), []
        for round_ in range(ROUNDS + 1):
            key = keyed_seed("isic", seed, repeat, round_)
            head = fit(rows, labels, known, key)
            posterior = DropoutPosterior(head, k=K, seed=key)
            said = log_mean_probs(posterior(rows[0, test]).log_probs).exp()[:, 1]
            areas.append(float(binary_auroc(said, torch.from_numpy(labels[test]))))
            selection, _, acquisition = strategy.rpartition(":")
            ids = [names[i] for i in rest]
            scores = score(acquisition, draws=posterior(rows[0, rest]), ids=ids, seed=key)
            picks = set(select(selection or "top-k", scores=scores.numpy(), ids=ids, n=BATCH, seed=key).ids)
            known += [i for i in rest if names[i] in picks]
            rest = [i for i in rest if names[i] not in picks]
        found.append(areas)
        positives.append(sum(labels[known[: len(start) + ROUNDS * BATCH]]))
    return [mean(column) for column in zip(*found, strict=True)], round(mean(positives))


def page(curves: list[Curve], positives: dict[str, list[int]], model: ModelConfig, command: str) -> str:
    """The dated result."""
    by = {name: [c for c in curves if c.strategy == name] for name in STRATEGIES}
    sizes = curves[0].labels
    lines = [
        f"# ISIC 2016 melanoma as in Gal et al. 2017, {datetime.date.today()}",
        "",
        *(__doc__ or "").split("\n\n")[1].split("\n"),
        "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, shared; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "timm", "numpy")),
        f"- trunk: {model.name} at {model.size} pixels, frozen",
        f"- command: `{command}`; {len(by['random'])} splits; of two images of one lesion one is kept",
        "",
        "Area under the ROC curve on the test set, mean over splits (95 % interval of the mean, t):",
        "",
        "| | " + " | ".join(f"{size} labels" for size in sizes) + " | malignant labelled |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name, runs in by.items():
        band = interval(runs, "auroc")
        cells = [f"{m:.3f} ({a:.3f} to {b:.3f})" for m, a, b in zip(band.mean, band.low, band.high, strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {mean(positives[name]):.0f} |")
    lines += ["", "Minus random, split by split (95 % bootstrap interval of the mean):", ""]
    lines += ["| | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name in STRATEGIES[:-1]:
        band = paired_difference(by[name], by["random"], "auroc", generator=np.random.default_rng(0))
        cells = [
            f"{m:+.3f} ({a:+.3f} to {b:+.3f})" for m, a, b in zip(band.mean, band.low, band.high, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Play all splits and write the page and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("work/isic"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--model", help="another trunk; wants --weights")
    parser.add_argument("--weights", type=Path, help="of that trunk, a safetensors file")
    options = parser.parse_args()
    if (options.model is None) != (options.weights is None):
        parser.error("--model and --weights go together")
    model = ModelConfig(name=options.model, weights=str(options.weights), size=224) if options.model else MODEL
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    names, labels = images()
    rows = features(names, model, options.work)
    curves: list[Curve] = []
    positives: dict[str, list[int]] = {name: [] for name in STRATEGIES}
    sizes = tuple(100 + BATCH * round_ for round_ in range(ROUNDS + 1))
    for seed in range(options.splits):
        for strategy in STRATEGIES:
            areas, found = play(rows, labels, names, strategy, seed)
            curves.append(Curve(strategy, seed, sizes, {"auroc": tuple(areas)}))
            positives[strategy].append(found)
            print(f"split {seed} {strategy}: {[round(area, 3) for area in areas]}, {found} malignant", flush=True)
    text = page(curves, positives, model, " ".join(["python", "benchmarks/loop/isic2016.py", *sys.argv[1:]]))
    options.out.mkdir(exist_ok=True)
    stem = "isic2016" if model is MODEL else f"isic2016-{model.name.rpartition('/')[-1]}"
    (options.out / f"{datetime.date.today()}-{stem}.md").write_text(text)
    plot_curves(curves, options.out / f"{stem}.png", metric="auroc", reference="random")
    print(text)


if __name__ == "__main__":
    main()
