"""Folders of labels, batch folders, lists of images, settings and files of rounds, with odd names and damage."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.attack.cases import Fault
from tools.attack.commands import CLASSES
from tools.attack.desk import Desk, check_words

NAMES = (
    *(
        "a b",
        " x",
        "y ",
        "\u202egnp",
        "e\u0301",
        "\u00e9",
        "#",
        "%20",
        "[b]",
        "train",
        "con",
        "a" * 200,
        "-rf",
        "ß",
    ),
    *("a\nb", "\x1b[0m", "\u200b", "...", "~", "$HOME", "*", "?", "'", '"', "a,b", "none of these", "UNREADABLE"),
)
"""Folders and files are called so."""
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    "",
    "x",
    [],
    {},
    [[[]]],
    {"a": {"b": []}},
    10**30,
    "\ud83d\ude00",
)
"""Stand where something else should."""


Try = tuple[int, Callable[[random.Random], str]]
"""How often it is drawn, and what makes the file, has it read, and says what was done to it."""


class Others:
    """Everything that is read beside label tables.

    Args:
        desk: the project.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.tries: dict[str, Try] = {
            "label folder": (8, self._folder),
            "batch folder": (8, self._batch),
            "list of images": (6, self._list),
            "settings": (5, self._settings),
            "files of rounds": (5, self._rounds),
        }

    def _folder(self, chosen: random.Random) -> str:
        """Images in folders of odd names, some deep, some linked."""
        root, n = self.desk.places.out / "labels", 0
        splits = chosen.random() < 0.2
        for name in chosen.sample(sorted(self.desk.names), chosen.randrange(1, 12)):
            parts = [chosen.choice((*CLASSES, *CLASSES, *NAMES)) for _ in range(chosen.choice((1, 1, 1, 2, 12)))]
            parts = [*([chosen.choice(("train", "test", "Val"))] if splits else []), *parts]
            file = chosen.choice((name, name, f"{chosen.choice(NAMES)}.png"))
            try:
                place = root.joinpath(*parts)
                place.mkdir(parents=True, exist_ok=True)
                (place / file).symlink_to(self.desk.places.pool / name)
                n += 1
            except OSError:  # a name this file system does not take, or one that is there
                continue
        if chosen.random() < 0.2 and root.is_dir():
            (root / "loop").symlink_to(root)
        if chosen.random() < 0.2 and root.is_dir():
            os.mkdir(os.fsencode(root) + b"/caf\xe9")
            os.symlink(self.desk.places.pool / "001.png", os.fsencode(root) + b"/caf\xe9/\xff.png")
        shown = [path for path in root.rglob("*.png") if not path.is_dir() and not _hidden(path, root)]
        done = self.desk.take(root) if root.is_dir() else None
        if done is not None:
            rows = done.taken + len(done.rejected) + done.empty
            if shown and not rows:
                raise Fault("lost", f"{len(shown)} images in the folder, and none is accounted for")
        return f"{'splits, ' if splits else ''}{'refused' if done is None else 'read'}"

    def _batch(self, chosen: random.Random) -> str:
        """A batch folder that was exported, sorted and filled in, and damaged."""
        folder = self.desk.session.export_package(self.desk.places.out).written[0]
        how = chosen.choice(("mark", "table", "moved", "removed", "sorted"))
        images = sorted(path for path in folder.iterdir() if path.suffix == ".png")
        match how:
            case "mark":
                mark = folder / ".askance-batch"
                mark.write_bytes(_damaged(mark.read_bytes(), chosen))
            case "table":
                table = folder / "labels.csv"
                text = table.read_text(encoding="utf-8-sig").replace(",\n", f",{chosen.choice(CLASSES)}\n")
                table.write_bytes(_damaged(text.encode(), chosen))
            case "moved":
                for path in images:
                    place = folder / chosen.choice(("one", "two", *NAMES[:4]))
                    place.mkdir(exist_ok=True)
                    path.rename(place / chosen.choice((path.name, f"Copy of {path.name}")))
            case "removed":
                (folder / chosen.choice(("labels.csv", ".askance-batch"))).unlink()
            case _:
                (folder / "one").mkdir(exist_ok=True)
                images[0].rename(folder / "one" / images[0].name)
        done = self.desk.take(folder)
        if how == "sorted" and (done is None or done.taken != 1):
            raise Fault("lost", f"an image was sorted, and its label is not taken: {done}")
        return how

    def _list(self, chosen: random.Random) -> str:
        """A list of images as a pool."""
        from askance.pool import scan
        from askance.vocab import AskanceError

        names = [str(self.desk.places.pool / name) for name in sorted(self.desk.names)[:6]]
        lines = [chosen.choice((name, name, f'"{name}"', chosen.choice(NAMES))) for name in names]
        form = chosen.choice((".txt", ".csv", ".tsv"))
        text = "\n".join([*(["path"] if form != ".txt" else []), *lines]) + "\n"
        path = self.desk.places.out / f"list{form}"
        whole = chosen.random() < 0.3
        path.write_bytes(text.encode() if whole else _damaged(text.encode(), chosen))
        try:
            seen = list(scan(str(path), {}, max_pixels=10**6, workers=1))
        except AskanceError as error:
            check_words(error)
            return "refused"
        if any((one.image is None) == (one.problem is None) for one in seen):
            raise Fault("lost", "a place without an image and without a reason")
        return "read"

    def _settings(self, chosen: random.Random) -> str:
        """`askance.toml`, damaged: the project opens or says why not, and nothing in it changes."""
        from askance.session import Session
        from askance.vocab import AskanceError

        path = self.desk.places.project / "askance.toml"
        data, self.desk.dirty = path.read_bytes(), True
        path.write_bytes(_damaged(data, chosen))
        try:
            with Session.open(self.desk.places.project) as session:
                session.status()
            how = "read"
        except AskanceError as error:
            check_words(error)
            how = "refused"
        finally:
            path.write_bytes(data)
        with Session.open(self.desk.places.project) as session:
            if session.project.store.labels() != self.desk.labels:
                raise Fault("lost", "the labels are others after the settings were damaged and mended")
        return how

    def _rounds(self, chosen: random.Random) -> str:
        """What rounds keep in JSON files and what the last scan passed over, damaged."""
        from askance.session.evidence import diagnosis_of, has_diagnosis, neighbours_of, wants_neighbours
        from askance.vocab import AskanceError

        root = self.desk.places.project
        path = chosen.choice([*sorted(root.glob("rounds/0001/*.json")), root / "passed-over.json"])
        data = path.read_bytes() if path.exists() else b"{}"
        try:
            path.write_bytes(_damaged(data, chosen))
            project = self.desk.session.project
            one = project.store.rounds()[-1]
            has_diagnosis(project, one)
            diagnosis_of(project, one)
            neighbours_of(project, one)
            wants_neighbours(project, one.number, tuple(project.store.picks(one.number)))
            self.desk.session.status()
        except AskanceError as error:
            check_words(error)
        finally:
            path.write_bytes(data)
        return path.name


def _damaged(data: bytes, chosen: random.Random) -> bytes:
    """Bytes changed, cut or put in; or, of JSON, another value somewhere."""
    way = chosen.choice(("bytes", "cut", "in", "value", "value", "deep", "empty"))
    place = chosen.randrange(len(data) + 1)
    match way:
        case "bytes":
            changed = bytearray(data)
            for _ in range(chosen.choice((1, 4, 40))):
                if changed:
                    changed[chosen.randrange(len(changed))] = chosen.randrange(256)
            return bytes(changed)
        case "cut":
            return data[:place]
        case "in":
            return (
                data[:place]
                + chosen.choice((b"\0", b'"', b"\n", b"[[", b"\xff\xfe", b"=", b"x" * 9999))
                + data[place:]
            )
        case "deep":
            return b'{"a":' * 5000
        case "value":
            return _other_value(data, chosen)
    return b""


def _other_value(data: bytes, chosen: random.Random) -> bytes:
    try:
        found = json.loads(data)
    except ValueError:
        words = data.split(b" ")
        words[chosen.randrange(len(words))] = chosen.choice((b"-1", b'"x"', b"[]", b"{}", b"1e999", b"true"))
        return b" ".join(words)
    place: Any = found
    for _ in range(5):
        keys = (
            list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        )
        if not keys:
            break
        key = chosen.choice(keys)
        if not isinstance(place[key], dict | list) or chosen.random() < 0.3:
            place[key] = chosen.choice(VALUES)
            break
        place = place[key]
    return json.dumps(chosen.choice(VALUES) if place is found and not found else found).encode()


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
