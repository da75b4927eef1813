"""The documented first day, each command a process of its own: photographs in a flat folder, no labels.

`python -m tests.e2e.first_day PLACE --data FOLDER` walks it with all of TrashNet and prints what it took.
"""

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from askance.session import Session
from tests.hub import keep

STANDS_IN = "timm/mobilenetv2_100.ra_in1k"
"""The repository whose file the shared weights stand in for."""


@dataclass
class Walk:
    """A person in an empty folder with `photos/` in it, who knows what each photograph shows.

    Attributes:
        place: the folder.
        truth: file name -> class.
        said: what each command printed, in order.
        seconds: wall time of each.
    """

    place: Path
    truth: Mapping[str, str]
    said: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __call__(self, command: str) -> str:
        """Run a command as it would be typed."""
        began = time.monotonic()
        environment = os.environ | {
            "HF_HUB_CACHE": str(self.place / "hub"),
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=self.place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        text = done.stdout + done.stderr
        self.seconds.append(time.monotonic() - began)
        self.said.append((command, text))
        assert done.returncode == 0, f"{command}\n{text}"
        return text

    def fill(self, batch: str) -> None:
        """Fill in the column `label` of a batch's CSV, as a spreadsheet would save it."""
        path = self.place / batch / "labels.csv"
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["label"] = self.truth[row["path"].partition("_")[2]]
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def sort(self, batch: str) -> None:
        """Sort the images of a batch into sub-folders named after classes."""
        folder = self.place / batch
        for image in [path for path in folder.iterdir() if path.suffix == ".jpg"]:
            name = image.name.partition("_")[2]
            target = folder / self.truth[name]
            target.mkdir(exist_ok=True)
            image.rename(target / image.name)


def prepare(place: Path, data: Path, each: int | None = None) -> Walk:
    """A flat folder of photographs under names that say nothing, and a hub's cache with one network's weights.

    Args:
        place: an empty folder.
        data: the folder of shared data.
        each: photographs of each class; None for all.
    """
    (place / "photos").mkdir(parents=True)
    keep(place / "hub", STANDS_IN, data / "weights" / "mobilenetv2_100_imagenet.safetensors")
    found = []
    for folder in sorted((data / "trashnet" / "images").iterdir()):
        found += [(path, folder.name) for path in sorted(folder.glob("*.jpg"))[:each]]
    random.Random(0).shuffle(found)
    truth = {}
    for i, (path, name) in enumerate(found):
        shutil.copy(path, place / "photos" / f"IMG_{i:04d}.jpg")
        truth[f"IMG_{i:04d}.jpg"] = name
    return Walk(place, truth)


def first_day(walk: Walk, n: int, test: int, options: str = "") -> None:
    """README's commands: three rounds of n labels after the first batch, put in by CSV and by sorted folders."""
    walk(f"askance pick -n {n}{options}")
    walk("askance export")
    walk.fill("batch-0000")
    walk("askance import batch-0000")
    walk(f"askance pick --split test -n {test}")
    walk("askance export --split test")
    walk.fill("batch-test")
    walk("askance import batch-test")
    for number in (1, 2, 3):
        walk("askance train")
        walk(f"askance pick -n {n}{options}")
        walk("askance export")
        (walk.fill if number == 2 else walk.sort)(f"batch-{number:04d}")
        walk(f"askance import batch-{number:04d}")
    walk("askance train")
    walk("askance report")


def accuracies(project: Path) -> dict[int, float]:
    """Training labels -> test accuracy, round by round."""
    with Session.open(project) as session:
        store = session.project.store
        return {one.labels: store.metrics(one.number)["test_accuracy"] for one in store.rounds() if one.labels > 0}


def main() -> None:
    """Walk it with all photographs, and once more with random batches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    asked = parser.parse_args()
    for arm, options in (("default", ""), ("random", " --strategy random")):
        walk = prepare(asked.place / arm, asked.data.resolve())
        if arm == "random":  # the same network over the same photographs: they need not go through it again
            print(walk("askance init photos"))
            shutil.copytree(
                asked.place / "default/photos-askance/features", walk.place / "photos-askance/features"
            )
        else:
            print(walk("askance init photos"))
        first_day(walk, 50, 400, options)
        for (command, text), seconds in zip(walk.said, walk.seconds, strict=True):
            print(f"$ {command}   [{seconds:.0f} s]\n{text}")
        print(arm, accuracies(walk.place / "photos-askance"), f"{sum(walk.seconds):.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
