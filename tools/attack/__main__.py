"""`python -m tools.attack`: attack Askance at length, or make one case again."""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.attack import page, postgres
from tools.attack.cases import KINDS, Attempt, Kind
from tools.attack.children import in_child
from tools.attack.commands import Places, drawn, make_files, make_stages
from tools.attack.crew import Crew, Log, Maker
from tools.attack.disturb import Stand
from tools.attack.together import on_postgres

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "attack" / "results"
COUNTS: dict[str, tuple[Kind, int]] = {
    "kills": ("kill", 1000),
    "disks": ("disk", 1000),
    "together": ("together", 60),
    "images": ("image", 20_000),
    "tables": ("table", 20_000),
}
"""Option -> kind, and how many where nobody says."""


def main(words: Sequence[str] | None = None) -> int:
    """Run it; 0: all tried and no fault, 1: faults, 2: not all tried yet, 130: stopped by Ctrl-C."""
    given = _parser().parse_args(words)
    work = Path(given.work) if given.work else _memory() / f"askance-attack-{os.getuid()}"
    work.mkdir(parents=True, exist_ok=True)
    if given.replay:
        return _replay(given.replay, work)
    plan = {kind: int(getattr(given, option)) for option, (kind, _) in COUNTS.items()}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = Log(work / "log.jsonl", sources(), resume=given.resume)
    began, before = time.monotonic(), sum(os.times()[:4])
    with _ready(work, [(kind, seed) for kind, n in plan.items() for seed in range(n)]) as maker:
        crew = Crew(maker, log, given.workers or os.cpu_count() or 1, say=_say)
        try:
            whole = crew.run(plan, 60 * given.minutes)
        except KeyboardInterrupt:
            _say(f"stopped after {len(log.results):,} cases; the same command with --resume goes on")
            return 130
    print(page.summary(log.results))
    if given.json:
        Path(given.json).write_text(json.dumps(page.counts(log.results)))
    if given.page and whole:
        spent = sum(os.times()[:4]) - before
        took = f"{spent / 60:.0f} CPU minutes in {(time.monotonic() - began) / 60:.0f}"
        print(page.write_page(RESULTS, log.results, _about(f"{took} (of the last part, where it was resumed)")))
    for one in [one for one in log.results if one.end != "ok"][:20]:
        print(f"{one.kind}:{one.seed} {one.what}, {one.how}: {one.end}: {one.note[:300]}")
    if not whole:
        _say(f"{len(log.missing(plan)):,} cases are left; the same command with --resume goes on")
        return 2
    return int(any(one.end != "ok" for one in log.results))


def _about(took: str) -> dict[str, str]:
    """What the page says of the run."""
    from askance.studies.machine import machine

    made = machine()
    command = " ".join(["python -m tools.attack", *sys.argv[1:]])
    shared = f"{made['machine']} (shared with other work)"
    return {"machine": shared, "versions": made["versions"], "command": f"`{command}`", "took": took}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.attack", description=__doc__)
    for option, (_, usual) in COUNTS.items():
        parser.add_argument(f"--{option}", type=int, default=usual, help=f"how many cases ({usual:,})")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long; --resume goes on")
    parser.add_argument("--workers", type=int, help="processes; else one a core")
    parser.add_argument("--resume", action="store_true", help="go on from the cases that have a result")
    parser.add_argument(
        "--work", help="a folder to work in; else one in memory, or the system's for temporary files"
    )
    parser.add_argument("--page", action="store_true", help="write the dated page into benchmarks/attack/results")
    parser.add_argument("--json", help="write the counts and the faults into this file")
    parser.add_argument("--replay", metavar="KIND:SEED", help=f"one case again; kinds: {', '.join(KINDS)}")
    return parser


def sources() -> str:
    """A digest of what is attacked and of what attacks it: results of other sources do not count."""
    found = hashlib.blake2b(digest_size=8)
    for path in sorted([*(ROOT / "src" / "askance").rglob("*.py"), *(ROOT / "tools" / "attack").glob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def _ready(work: Path, cases: Sequence[tuple[Kind, int]]) -> Iterator[Maker]:
    """All that workers share, if a case needs it: modules imported once, projects, a Postgres server."""
    shared = work / "shared"
    shutil.rmtree(shared, ignore_errors=True)
    kinds = {kind for kind, _ in cases}
    if kinds & {"kill", "disk", "together"}:
        warm(pictures=any(kind in ("kill", "disk") and drawn(kind, seed)[1].pictures for kind, seed in cases))
    if kinds - {"image"}:
        _prepare(Places(shared, work / "first"))
    with contextlib.ExitStack() as stack:
        url = None
        if any(kind == "together" and on_postgres(seed) for kind, seed in cases) and postgres.binaries():
            url = stack.enter_context(postgres.server())
        yield lambda kind, number: attempts(kind, Places(shared, work / f"worker-{number}"), url)


def _prepare(places: Places) -> None:
    def make(_: Callable[[str], None]) -> bool:
        make_files(places)
        make_stages(places)
        return True

    ended = in_child(make)
    if not ended.value:
        raise SystemExit(f"no project to attack: {ended.said}")


def warm(*, pictures: bool = True) -> None:
    """Import what commands need, and those that draw pictures; start no thread: each case is a fork of this."""
    import importlib

    import torch

    torch.set_num_threads(1)
    names = [
        "askance.cli.main",
        "askance.cli.show",
        "askance.loop.rounds",
        "askance.session.health",
        "askance.session.sound",
        "askance.tasks.classification",
        "pyarrow.parquet",
    ]
    if pictures:
        names += [
            "askance.simulation.simulate",
            "askance.report",
            "askance.studies.simulations",
            "matplotlib.pyplot",
        ]
    for name in names:
        importlib.import_module(name)


def attempts(kind: Kind, places: Places, url: str | None) -> Attempt:
    """What tries cases of a kind in a place."""
    if kind in ("kill", "disk"):
        stand = _stand(places)
        return lambda seed: stand.attempt(kind, seed)
    if kind == "together":
        from tools.attack.together import Crowd

        return Crowd(places, url).attempt
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries in C write there
    if kind == "image":
        from tools.attack.images import Mangler

        return Mangler(places.own / "images").attempt
    from tools.attack.desk import Desk
    from tools.attack.tables import Tables

    return Tables(Desk(places)).attempt


@functools.cache
def _stand(places: Places) -> Stand:
    """Kept, for what commands give undisturbed is the same for kills and failing disks."""
    return Stand(places)


def _replay(case: str, work: Path) -> int:
    """One case, told whole."""
    name, _, seed = case.partition(":")
    kind = next(one for one in KINDS if one == name)
    with _ready(work, [(kind, int(seed))]) as maker:
        result = maker(kind, 0)(int(seed))
    print(json.dumps(result.record(), indent=1, ensure_ascii=False))
    return int(result.end != "ok")


def _memory() -> Path:
    """A folder in memory where there is one: files are made by the hundred thousand."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
