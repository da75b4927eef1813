"""What scanning, training, scoring and the rest cost beside an earlier commit, in one run.

python benchmarks/speed/floor.py --before CHECKOUT [--repetitions 3] [--only scan,score] [--dry]

CHECKOUT is a checkout of the code to compare with (`git worktree add`). Each piece of work is a process of its
own, and the two codes take turns. Only the work itself is timed, without imports. Ratios are of medians.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _measure import ROOT, write

DATA = Path(os.environ.get("ASKANCE_DATA", ROOT.parent / "shared/data"))

_TIMED = """
import resource, sys, tempfile, time
from pathlib import Path
import numpy as np
data, work = Path(sys.argv[1]), Path(sys.argv[2])
def spent():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
"""

_TASK = """
import torch
torch.set_num_threads(1)
from askance.pool import ArrayImages
from askance.tasks.classification import Classification
from askance.vocab import Labelled
from askance.vocab.config import ModelConfig, TrainConfig
rng = np.random.default_rng(0)
pixels = rng.integers(0, 255, (2000, 1, 28, 28), dtype=np.uint8)
pixels[::2, 0, :14] //= 2
ids = [f"{i:032x}" for i in range(2000)]
train = Labelled(tuple(ids[:100]), tuple(i % 2 for i in range(100)))
model = ModelConfig(name="gal-cnn", size=28, channels=1)
def task(**more):
    config = TrainConfig(device="cpu", min_steps=300, max_steps=300, weight_decay=(1.0,))
    return Classification(model.model_copy(update=more), config, ("a", "b"), ArrayImages(pixels, ids))
def fitted(made):
    return made.fit(train, Labelled((), ()), warm=None, seed=0).model
"""

WORK = {
    "scan": """
from askance.pool import scan
began = spent()
assert len(list(scan(str(data / "trashnet" / "images" / "plastic"), {}, max_pixels=10**8, workers=1))) > 400
""",
    "decode and resize": """
from askance.pool import FileImages, Look
files = sorted((data / "trashnet" / "images" / "metal").glob("*.jpg"))[:300]
from askance.pool.scanning import content_id
uris = {content_id(file.read_bytes()): str(file) for file in files}
images = FileImages(uris, max_pixels=10**8, workers=1)
began = spent()
assert len(images.load(list(uris), Look(224, 3))[1]) == len(uris)
""",
    "train a network": _TASK + "made = task()\nbegan = spent()\nfitted(made)\n",
    "train a head": _TASK + "made = task(train='head')\nfitted(made)\nbegan = spent()\nfitted(made)\n",
    "score with 100 draws": _TASK
    + """
made = task()
net = fitted(made)
began = spent()
assert sum(len(chunk.positions) for chunk in made.draws(net, ids, k=100, seed=0)) == 2000
""",
    "a batch of 100 of 2000": _TASK
    + """
from askance.loop.step import pick, score_pool
from askance.loop.strategy import Strategy
made, strategy = task(), Strategy.parse("power:bald", draws=20)
net = fitted(made)
began = spent()
assert len(pick(score_pool(made, net, ids, strategy, seed=0), ids, strategy, n=100, seed=0)) == 100
""",
    "read 50000 cached features of 512": """
from askance.pool import FeatureCache
ids = [f"{i:032x}" for i in range(50000)]
cache = FeatureCache(work / "features", 512)
rows = np.random.default_rng(0).normal(size=(5000, 512)).astype(np.float16)
for start in range(0, len(ids), 5000):
    cache.append(ids[start : start + 5000], rows)
cache = FeatureCache(work / "features", 512)
began = spent()
for start in range(0, len(ids), 5000):
    assert cache.read(ids[start : start + 5000]).shape == (5000, 512)
""",
    "match 4000 labels of one file name": """
from askance.integrations import LabelRow, match
from askance.vocab import ImageRecord
images = {f"{i:032x}": ImageRecord(f"{i:032x}", f"/m/data/id_{i:06d}/image.png", 1, 1, "PNG") for i in range(4000)}
rows = [LabelRow(f"data/id_{i:06d}/image.png", "ab"[i % 2], line=i + 2) for i in range(4000)]
began = spent()
assert len(match(rows, images, {}, ["a", "b"], roots=["/m/data"]).labels) == 4000
""",
    "status of 50000 images": """
from askance.session import Session
from askance.vocab import ImageRecord, Label, Sighting
from datetime import UTC, datetime
from PIL import Image
(work / "pool").mkdir()
Image.new("L", (8, 8)).save(work / "pool" / "0.png")
made = Session.init(work / "p", {"pool": {"source": str(work / "pool")}, "classes": ["a", "b"]})[0]
ids = [f"{i:032x}" for i in range(50000)]
store = made.project.store
seen = [Sighting(f"/x/{i}.png", 9, "s", ImageRecord(i, f"/x/{i}.png", 8, 8, "PNG")) for i in ids]
for start in range(0, len(ids), 1000):
    store.record_sightings(seen[start : start + 1000])
now = datetime.now(UTC)
store.add_labels([Label(i, "ab"[n % 2], "me", now, "x") for n, i in enumerate(ids[:5000])])
made.project.close()
made = Session.open(work / "p")
began = spent()
assert made.status().images >= 50000
""",
}
"""Name -> what is done; all that is before `began` is made ready."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", help="names of pieces of work, comma separated")
    parser.add_argument("--dry", action="store_true", help="write no page")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else list(WORK)
    codes = {"before": options.before.resolve(), "after": ROOT}
    times: dict[tuple[str, str], list[float]] = {}
    for name in wanted:
        for _ in range(options.repetitions):
            for code, root in codes.items():
                times.setdefault((name, code), []).append(cost(WORK[name], root))
        print(f"{name}: {times[name, 'before']} {times[name, 'after']}", flush=True)
    lines = ["| work | before, s | after, s | after / before |", "|---|---|---|---|"]
    for name in wanted:
        before, after = (statistics.median(times[name, code]) for code in codes)
        lines.append(f"| {name} | {before:.2f} | {after:.2f} | {after / before:.2f} |")
    print("\n".join(lines))
    if not options.dry:
        print(write("floor", lines, "of user and system of the work itself, medians; ratios are of medians"))


def cost(work: str, root: Path) -> float:
    """Seconds of processor time of a piece of work by one of the codes."""
    own = {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", f"{_TIMED}{work}\nprint(spent() - began)", str(DATA), folder],
            env={**os.environ, **own},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
