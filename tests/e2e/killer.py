"""Kills `train`, `pick` and `import` with SIGKILL at random moments and checks what is left.

Run as a script, because it forks: torch and the rest are imported once, and each attempt is a fork of that. Prints
one JSON object. A run without kills comes first and says what the picks should be.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import askance.cli.show
import askance.loop.rounds
import askance.tasks.classification  # noqa: F401 - imported here so that forks need not
from askance.cli.main import app
from askance.session import Session

IMAGES, START, BATCH, ROUNDS = 120, 20, 6, 4
ATTEMPTS = 9
"""Times a command is tried; the last is left alone."""


def make_pool(folder: Path) -> dict[str, str]:
    """Real digits as PNG files; name -> class."""
    data = load_digits()
    folder.mkdir(parents=True)
    truth = {}
    for i in range(IMAGES):
        name = f"{i:03d}.png"
        Image.fromarray((data.images[i] * (255 / 16)).astype(np.uint8)).save(folder / name)
        truth[name] = str(data.target[i])
    return truth


def start(root: Path, pool: Path, truth: dict[str, str]) -> None:
    """A project with a few labels and a small model."""
    names = sorted(truth)
    rows = [f"{name},{truth[name]},train" for name in names[:START]]
    rows += [f"{name},{truth[name]},test" for name in names[-10:]]
    csv = root.with_suffix(".csv")
    csv.write_text("path,label,split\n" + "\n".join(rows) + "\n")
    settings = {
        "classes": [str(i) for i in range(10)],
        "pool": {"source": str(pool)},
        "model": {"name": "gal-cnn", "size": 8, "channels": 1},
        "train": {"max_steps": 30, "min_steps": 10, "start": "warm"},
        "strategy": {"draws": 8},
    }
    session, _, imported = Session.init(root, settings, labels=csv)
    session.project.close()
    assert imported is not None, "labels were given"
    assert not imported.rejected, imported.rejected


def answers(root: Path, truth: dict[str, str]) -> Path:
    """The last batch with its labels filled in, as a person would hand it back."""
    with Session.open(root) as session:
        rounds = session.project.store.rounds()
        images = session.project.store.images()
        lines = ["path,label"]
        for pick in session.project.store.picks(rounds[-1].number):
            name = Path(images[pick.image_id].uri).name
            lines.append(f"{name},{truth[name]}")
    csv = root.parent / f"{root.name}-answers.csv"
    csv.write_text("\n".join(lines) + "\n")
    return csv


def in_fork(arguments: list[str], patience: float | None) -> tuple[bool, float]:
    """Run a command in a fork, SIGKILL it after `patience` seconds; whether it finished, and how long it ran."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        try:
            app(arguments, standalone_mode=False)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{arguments}: {type(error).__name__}: {error}\n".encode())
            os._exit(1)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{arguments} failed by itself")
    return os.WIFEXITED(status), time.monotonic() - began


def play(root: Path, truth: dict[str, str], run: Callable[[list[str]], None]) -> list[list[str]]:
    """The rounds of a project; returns the picks of each."""
    for _ in range(ROUNDS):
        run(["train", "-p", str(root)])
        run(["pick", "-n", str(BATCH), "-p", str(root)])
        run(["import", str(answers(root, truth)), "-p", str(root), "--who", "expert"])
    with Session.open(root) as session:
        store = session.project.store
        return [[pick.image_id for pick in store.picks(one.number)] for one in store.rounds()]


def main(folder: Path, kills_wanted: int, seed: int) -> dict[str, object]:
    """Play without kills once, then with kills until there were enough of them."""
    pool = folder / "pool"
    truth = make_pool(pool)
    took: dict[str, float] = {}

    def undisturbed(arguments: list[str]) -> None:
        took[arguments[0]] = max(took.get(arguments[0], 0.0), in_fork(arguments, None)[1])

    start(folder / "reference", pool, truth)
    expected = play(folder / "reference", truth, undisturbed)
    generator = random.Random(seed)
    kills: dict[str, int] = {"train": 0, "pick": 0, "import": 0}
    finished_first = plays = 0
    while sum(kills.values()) < kills_wanted:
        root = folder / f"killed-{plays}"
        start(root, pool, truth)
        plays += 1

        def killed(arguments: list[str], root: Path = root) -> None:
            nonlocal finished_first
            command = arguments[0]
            for attempt in range(ATTEMPTS):
                before = labels_of(root)
                patience = None if attempt == ATTEMPTS - 1 else generator.uniform(0, took[command])
                finished, _ = in_fork(arguments, patience)
                check(root, before)
                if finished:
                    finished_first += patience is not None
                    return
                kills[command] += 1

        found = play(root, truth, killed)
        assert found == expected, f"other picks after kills: {found} instead of {expected}"
        with Session.open(root) as session:
            assert len(session.project.store.labels()) == START + 10 + ROUNDS * BATCH
    return {
        "kills": kills,
        "total": sum(kills.values()),
        "plays": plays,
        "finished_before_the_kill": finished_first,
    }


def labels_of(root: Path) -> dict[str, str | None]:
    """What the project has been told so far."""
    with Session.open(root) as session:
        return {name: label.value for name, label in session.project.store.labels().items()}


def check(root: Path, before: dict[str, str | None]) -> None:
    """The project opens, its database is sound, and no label that was there is gone."""
    with Session.open(root) as session:
        assert session.project.store.check() == []
        now = {name: label.value for name, label in session.project.store.labels().items()}
    assert before.items() <= now.items(), "a label was lost"


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
