"""The commands that are disturbed, each with the stage of a project it starts from."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tools.attack.cases import Kind, chance

IMAGES, LABELLED, TESTED, BATCH = 40, 14, 6, 4
CLASSES = ("one", "two", "three")
MODEL = {"name": "gal-cnn", "size": 8, "channels": 1, "weights": "none"}
SETTINGS = {
    "classes": list(CLASSES),
    "model": MODEL,
    "train": {"max_steps": 12, "min_steps": 4, "start": "warm"},
    "strategy": {"draws": 4, "batch": BATCH, "acquisition": "bald", "selection": "top-k"},
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command under attack.

    Attributes:
        name: in the counts.
        stage: the project it starts from.
        words: its arguments; `{files}` is the folder of label files, `{pool}` of images, `{project}` the project.
        weight: how often it is drawn.
        torch: whether it needs torch.
        pictures: whether it draws pictures.
        pool: whether what it gives hangs on every image being readable.
    """

    name: str
    stage: str
    words: tuple[str, ...]
    weight: float
    torch: bool = False
    pool: bool = False
    pictures: bool = False

    def arguments(self, places: "Places") -> list[str]:
        """As typed."""
        words = {"files": places.files, "pool": places.pool, "project": places.project}
        return [word.format(**words) for word in self.words]


COMMANDS = (
    Command(
        "init",
        "nothing",
        (
            *("init", "{pool}", "-p", "{project}", "--labels", "{files}/first.csv", "--model", "gal-cnn"),
            *("--size", "8", "--set", "model.channels=1", "--weights", "none"),
        ),
        2,
        pool=True,
    ),
    Command("scan", "grown", ("scan", "-p", "{project}"), 2, pool=True),
    Command("import csv", "picked", ("import", "{files}/more.csv", "--who", "anna", "-p", "{project}"), 4),
    Command("import folder", "picked", ("import", "{files}/sorted", "--who", "ben", "-p", "{project}"), 2),
    Command(
        "import new classes",
        "picked",
        ("import", "{files}/new.csv", "--add-classes", "--who", "eve", "-p", "{project}"),
        2,
    ),
    Command("train", "started", ("train", "-p", "{project}"), 3, torch=True, pool=True),
    Command("pick", "trained", ("pick", "-n", str(BATCH), "-p", "{project}"), 3, torch=True, pool=True),
    Command("pick a test set", "trained", ("pick", "--split", "val", "-n", "3", "-p", "{project}"), 1, pool=True),
    Command("export", "picked", ("export", "-p", "{project}"), 2, pool=True),
    Command("export csv", "picked", ("export", "--csv", "batch.csv", "-p", "{project}"), 1, pool=True),
    Command("export folder", "picked", ("export", "--folder", "batch", "--copy", "-p", "{project}"), 1, pool=True),
    Command("export labels", "picked", ("export", "--labels", "labels.csv", "-p", "{project}"), 1),
    Command("export label folders", "picked", ("export", "--labels", "labels", "-p", "{project}"), 1, pool=True),
    Command("rename", "picked", ("classes", "rename", "one", "eins", "-p", "{project}"), 2),
    Command("merge", "picked", ("classes", "merge", "one", "two", "--into", "few", "-p", "{project}"), 2),
    Command("withdraw", "picked", ("withdraw", "--source", "first.csv", "-p", "{project}"), 2),
    Command(
        "report",
        "picked",
        ("report", "--out", "report.html", "-p", "{project}"),
        0.5,
        torch=True,
        pool=True,
        pictures=True,
    ),
    Command(
        "simulate",
        "nothing",
        (
            *("simulate", "--data", "{files}/sorted", "--out", "simulated", "--strategies", "margin,random"),
            *("--seeds", "1", "--start", "6", "--batch", "2", "--until", "8", "-k", "3", "--workers", "1"),
            *("--set", "model.name=pixels", "--set", "model.size=4", "--set", "model.channels=1"),
            *("--set", "model.hidden=4", "--set", "model.weights=none"),
            *("--set", "train.max_steps=6", "--set", "train.min_steps=3", "--levels", "0.5"),
        ),
        0.3,
        torch=True,
        pool=True,
        pictures=True,
    ),
)


def drawn(kind: Kind, seed: int, commands: "Sequence[Command]" = COMMANDS) -> "tuple[random.Random, Command]":
    """The command of a case, and the random numbers that are left to it."""
    chosen = chance(kind, seed)
    return chosen, chosen.choices(commands, [one.weight for one in commands])[0]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a worker works; the pool and the label files are everybody's and never changed.

    Attributes:
        shared: of all workers.
        own: of this one.
    """

    shared: Path
    own: Path

    @property
    def pool(self) -> Path:
        """The images."""
        return self.shared / "pool"

    @property
    def files(self) -> Path:
        """Label files."""
        return self.shared / "files"

    @property
    def project(self) -> Path:
        """The project under attack."""
        return self.own / "project"

    @property
    def out(self) -> Path:
        """The folder commands are run in."""
        return self.own / "out"

    def template(self, stage: str) -> Path:
        """A project as it is at a stage."""
        return self.shared / "stages" / stage


def picture(i: int) -> Image.Image:
    """An image of its own; brighter on one side, by its class."""
    noise = np.random.default_rng(i).integers(0, 90, (9, 9), np.uint8)
    noise[:, 3 * (i % 3) : 3 * (i % 3) + 3] += 120
    return Image.fromarray(noise)


def name_of(i: int) -> str:
    """Its file."""
    return f"{i:03d}.png"


def class_of(i: int) -> str:
    """What it shows."""
    return CLASSES[i % 3]


def make_files(places: Places) -> None:
    """The pool, and the label files that commands take."""
    places.pool.mkdir(parents=True)
    for i in range(IMAGES):
        picture(i).save(places.pool / name_of(i))
    (places.pool / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    places.files.mkdir()
    first = [f"{name_of(i)},{class_of(i)},train" for i in range(LABELLED)]
    first += [f"{name_of(i)},{class_of(i)},test" for i in range(LABELLED, LABELLED + TESTED)]
    _table(places.files / "first.csv", ["path,label,split", *first])
    some = range(LABELLED - 4, LABELLED + TESTED + 8)
    more = [f"{name_of(i)},{class_of(i if i % 5 else i + 1)}" for i in some]
    _table(places.files / "more.csv", ["path,label", *more, "nowhere.png,one", "001.png,four", "002.png,"])
    new = [f"{name_of(i)},{('four', 'five')[i % 2]}" for i in range(30, 36)]
    _table(places.files / "new.csv", ["path,label", *new])
    for i in range(6, 30):
        folder = places.files / "sorted" / class_of(i)
        folder.mkdir(parents=True, exist_ok=True)
        picture(i).save(folder / name_of(i))


def _table(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def make_stages(places: Places, *, torch: bool = True) -> None:
    """A project at each stage; without torch, at those that need none."""
    import shutil

    from askance.session import Session

    def keep(stage: str) -> None:
        shutil.copytree(places.project, places.template(stage), symlinks=True)

    settings = {**SETTINGS, "pool": {"source": str(places.pool)}}
    away = [places.pool / name_of(i) for i in (3, 25, 31)]
    for path in away:
        path.rename(places.shared / path.name)
    Session.init(places.project, settings, labels=places.files / "first.csv", who="first")[0].project.close()
    for path in away:
        (places.shared / path.name).rename(path)
    keep("grown")
    with Session.open(places.project) as session:
        session.scan()
        session.import_labels(places.files / "first.csv", "first")
    keep("started")
    if torch:
        _go_on(places, keep)
    shutil.rmtree(places.project)


def _go_on(places: Places, keep: Callable[[str], None]) -> None:
    """Train and pick."""
    from askance.session import Session

    with Session.open(places.project) as session:
        session.train()
    keep("trained")
    with Session.open(places.project) as session:
        session.pick()
    keep("picked")
