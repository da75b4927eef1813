"""The attack on an Askance with a fault planted in it, and with none: a script, because it forks.

Prints one JSON object: kind -> plant -> how its cases ended. No command here needs torch.
"""

import contextlib
import functools
import itertools
import json
import os
import sys
from pathlib import Path

import askance.cli.main
import askance.integrations.read as reading
import askance.session.labels as session_labels
from askance.pool import decoding
from askance.session import Session
from askance.store import Store
from tools.attack.children import in_child
from tools.attack.commands import COMMANDS, Places, make_files, make_stages
from tools.attack.desk import Desk
from tools.attack.disturb import Stand
from tools.attack.images import Mangler
from tools.attack.tables import Tables
from tools.attack.together import Crowd

FOUND = ("lost", "unsound", "differs", "traceback")
IMPORTS = [
    type(one)(one.name, "started", one.words, 1)
    for one in COMMANDS
    if one.name in ("import csv", "import new classes")
]


def late():
    """The store says that it has something, and commits it when it is asked for the next thing."""
    waiting = []

    def settle(self):
        for connection in waiting:
            connection.commit()
            connection.close()
        waiting.clear()

    def write(self, work):
        settle(self)
        connection = self._writer.connect()
        value = work(connection)
        waiting.append(connection)
        return value

    def then(real):
        return lambda self, *given: (settle(self), real(self, *given))[1]

    Store._write, Store._read, Store.close = write, then(Store._read), then(Store.close)


def one_by_one():
    """Labels are written one transaction each."""
    real = Store.add_labels

    def add(self, given, settle=False):
        return [real(self, [one], settle=settle) for one in given][-1]

    Store.add_labels = add


def everywhere(name, new):
    """Put a function in place of another in every module that has it."""
    for module in [one for key, one in sys.modules.items() if key.startswith("askance")]:
        if callable(getattr(module, name, None)):
            setattr(module, name, new)


def unflushed():
    """Files are renamed before they are on the disk."""

    def write(path, data):
        beside = path.with_name(f"{path.name}.new")
        path.parent.mkdir(exist_ok=True, parents=True)
        beside.write_bytes(data)
        os.replace(beside, path)

    everywhere("write_whole", write)


def in_silence():
    """What the disk does not take is not told."""
    from askance.vocab import StoreError, files

    real = files.write_whole

    def write(path, data):
        with contextlib.suppress(StoreError):
            real(path, data)

    everywhere("write_whole", write)


def forgetful():
    """Every fourth import ends well and leaves one label of four."""
    real = session_labels.take_rows

    def take(project, rows, path, *given, **options):
        return real(project, rows[:1] if path.name.endswith("-1.csv") else rows, path, *given, **options)

    everywhere("take_rows", take)


def a_row_less():
    """The last row of a file is never met."""
    real = reading.read_label_csv
    session_labels.read_label_csv = lambda path: real(path)[:-1]


def over_another():
    """An import settles what it has no business to settle."""
    real = Session.import_labels
    Session.import_labels = functools.partialmethod(real, settle=True)


def raw_errors():
    """Pillow's errors come through."""
    decoding.bad = lambda problem, kind=None: ValueError(problem)


def by_turns():
    """An image is another each time."""
    real, turn = decoding.decode, [0]

    def decode(data, **options):
        turn[0] += 1
        found = real(data, **options)
        return found._replace(pixels=found.pixels.rotate(turn[0])) if found.width > 8 else found

    decoding.decode = decode


def nothing():
    """No fault."""


def sound(root):
    """What the store finds wrong with itself: the whole doctor needs torch."""
    with Session.open(root) as session:
        return session.project.store.check()


def commands(places, kind, seeds):
    """Ends of commands that are killed, or on failing disks."""
    stand = Stand(places, IMPORTS, doctor=sound)
    return (stand.attempt(kind, seed) for seed in seeds)


def tables(places, seeds):
    """Ends of whole tables."""
    desk = Tables(Desk(places, "started"), others=False)
    return (desk.attempt(seed) for seed in seeds)


def images(places, seeds):
    """Ends of mangled images."""
    mangler = Mangler(places.own / "images")
    return (mangler.attempt(seed) for seed in seeds)


def together(places, seeds):
    """Ends of several imports at once."""
    crowd = Crowd(places, kinds={"import": 1}, doctor=sound)
    return (crowd.attempt(seed) for seed in seeds)


PLANTS = {
    "kill": [nothing, late, one_by_one, unflushed],
    "disk": [nothing, in_silence],
    "table": [nothing, a_row_less, over_another],
    "image": [nothing, raw_errors, by_turns],
    "together": [nothing, forgetful],
}
CASES = {
    "kill": lambda places: commands(
        places, "kill", dict.fromkeys((6, *range(25)))
    ),  # first the one that finds most
    "disk": lambda places: commands(places, "disk", dict.fromkeys((2, *range(20)))),
    "table": lambda places: tables(places, range(25)),
    "image": lambda places: images(places, range(60)),
    "together": lambda places: together(places, range(2)),
}


SOUND = {"kill": 1, "disk": 1, "image": 3, "together": 1}
"""Kind -> cases with no fault; the attack in small is many more of them."""


def until_found(results, most):
    """Ends up to the first that says a fault was found; of all, or of so many."""
    ends = []
    for one in itertools.islice(results, most):
        ends.append(one.end)
        if one.end in FOUND:
            break
    return ends


def main(folder):
    """Kind -> plant -> how its cases ended, each plant in a fork of its own."""
    places = Places(folder / "shared", folder / "own")
    in_child(lambda _: (make_files(places), make_stages(places, torch=False), 0)[-1])
    return {kind: {plant.__name__: planted(places, kind, plant) for plant in PLANTS[kind]} for kind in PLANTS}


def planted(places, kind, plant):
    """How the cases of a kind end where a fault is planted, up to the first that finds it."""

    def run(_):
        plant()
        return until_found(CASES[kind](places), most=SOUND.get(kind) if plant is nothing else None)

    ended = in_child(run)
    return ended.value or ended.said[-2000:]


if __name__ == "__main__":
    assert askance.cli.main.app is not None
    print(json.dumps(main(Path(sys.argv[1]))))
