"""Cases on all cores: one process each, begun again where a case ends it; each result is written down at once."""

import contextlib
import json
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.attack.cases import KINDS, Attempt, End, Kind, Result

CASE_SECONDS = 60.0
"""Processor time for one image or table before it counts as hanging."""
SAY_EVERY = 20.0
COST: dict[Kind, float] = {"kill": 0.45, "disk": 0.45, "together": 1.6, "image": 0.0015, "table": 0.013}
"""Seconds of processor time a case of a kind takes, about; for the time that is left."""

Maker = Callable[[Kind, int], Attempt]
"""What tries cases of a kind, in the place of a worker of that number."""


class Log:
    """Results so far, a line of JSON each, after a first line that says of which sources.

    Args:
        path: of the file.
        sources: what was attacked; results of other sources are set aside, not gone on from.
        resume: go on from what is there.
    """

    def __init__(self, path: Path, sources: str, *, resume: bool) -> None:
        self.results: list[Result] = []
        old = _read(path) if resume and path.exists() else None
        if old is not None and old[0] == sources:
            self.results = old[1]
        elif path.exists():
            path.rename(path.with_suffix(f".{int(path.stat().st_mtime)}.jsonl"))
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"sources": sources}), *(json.dumps(one.record()) for one in self.results)]
        path.write_text("\n".join(lines) + "\n")
        self._file = path.open("a")

    def add(self, result: Result) -> None:
        """One more."""
        self.results.append(result)
        self._file.write(json.dumps(result.record()) + "\n")
        self._file.flush()

    def missing(self, plan: Mapping[Kind, int]) -> list[tuple[Kind, int]]:
        """Cases of a plan (kind -> how many) that have no result yet, in order."""
        done = {(one.kind, one.seed) for one in self.results}
        wanted = ((kind, seed) for kind in KINDS for seed in range(plan.get(kind, 0)))
        return [case for case in wanted if case not in done]


def _read(path: Path) -> tuple[str, list[Result]]:
    """The sources and the results of a log; half a line at its end is none."""
    found = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    sources = found[0].get("sources", "") if found else ""
    return sources, [Result(**one) for one in found[1:]]


@dataclass(slots=True)
class _Worker:
    """One process and what it has said.

    Attributes:
        reading: its pipe.
        case: what it is at.
    """

    number: int
    pid: int
    reading: int
    said: bytes = b""
    case: tuple[Kind, int] | None = None


@dataclass
class Crew:
    """Works through cases.

    Attributes:
        maker: see `Maker`.
        log: where results go.
        size: processes.
        say: told how far it is, now and then.
    """

    maker: Maker
    log: Log
    size: int
    say: Callable[[str], None] = print
    _workers: dict[int, _Worker] = field(default_factory=dict)

    def run(self, plan: Mapping[Kind, int], seconds: float) -> bool:
        """Try all cases of a plan that have no result, at most for so long; whether all have one now.

        Ctrl-C ends the processes and is passed on; what has a result keeps it.
        """
        began, said = time.monotonic(), 0.0
        todo = self.log.missing(plan)
        size, total, done_before = min(self.size, max(1, len(todo))), len(todo), len(self.log.results)
        try:
            with selectors.DefaultSelector() as selector:
                for number in range(size):
                    self._start(selector, number, todo[number::size])
                while self._workers and time.monotonic() - began < seconds:
                    for key, _ in selector.select(timeout=1.0):
                        self._hear(selector, self._workers[key.fd], size, todo)
                    if time.monotonic() - said > SAY_EVERY:
                        said = time.monotonic()
                        self.say(self._progress(plan, total, done_before, said - began))
        finally:
            for worker in self._workers.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(worker.pid, signal.SIGKILL)
                os.waitpid(worker.pid, 0)
                os.close(worker.reading)
            self._workers.clear()
        return not self.log.missing(plan)

    def _start(self, selector: selectors.BaseSelector, number: int, cases: list[tuple[Kind, int]]) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _work(self.maker, number, cases, writing)
        with contextlib.suppress(PermissionError, ProcessLookupError):  # whichever of the two is first
            os.setpgid(pid, pid)
        os.close(writing)
        self._workers[reading] = _Worker(number, pid, reading)
        selector.register(reading, selectors.EVENT_READ)

    def _hear(
        self, selector: selectors.BaseSelector, worker: _Worker, size: int, todo: list[tuple[Kind, int]]
    ) -> None:
        data = os.read(worker.reading, 1 << 16)
        *lines, worker.said = (worker.said + data).split(b"\n")
        for line in map(json.loads, lines):
            if "end" in line:
                self.log.add(Result(**line))
                worker.case = None
            else:
                worker.case = (line["kind"], line["seed"])
        if data:
            return
        selector.unregister(worker.reading)
        os.close(worker.reading)
        del self._workers[worker.reading]
        _, status = os.waitpid(worker.pid, 0)
        if worker.case is None and status == 0:
            return
        kind, seed = worker.case or ("kill", -1)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        end: End = "hang" if ended == signal.SIGPROF else "crash"
        self.log.add(Result(kind, seed, "?", "?", end, f"the process ended: signal {ended}, status {status}"))
        if worker.case is not None:
            done = {(one.kind, one.seed) for one in self.log.results}
            self._start(selector, worker.number, [one for one in todo[worker.number :: size] if one not in done])

    def _progress(self, plan: Mapping[Kind, int], total: int, before: int, seconds: float) -> str:
        """How many of each kind, faults, and the time that is left by what was done in this run."""
        counts = {kind: sum(one.kind == kind for one in self.log.results) for kind in KINDS if plan.get(kind)}
        faults = sum(one.end != "ok" for one in self.log.results)
        spent = sum(COST[one.kind] for one in self.log.results[before:])
        left = sum(COST[kind] for kind, _ in self.log.missing(plan))
        words = ", ".join(f"{kind} {n:,} of {plan[kind]:,}" for kind, n in counts.items())
        time_left = f"about {seconds * left / spent / 60:.0f} min left" if spent else f"{total:,} cases to go"
        return f"{words}; {faults} faults; {time_left}"


def _work(maker: Maker, number: int, cases: list[tuple[Kind, int]], writing: int) -> None:
    """Try cases one by one and tell of each; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        for kind, seeds in _grouped(cases):
            attempt = maker(kind, number)
            for seed in seeds:
                _tell(writing, {"kind": kind, "seed": seed})
                signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
                result = attempt(seed)
                signal.setitimer(signal.ITIMER_PROF, 0)
                _tell(writing, result.record())
        status = 0
    finally:
        if status:
            import traceback

            traceback.print_exc()
        os._exit(status)


def _grouped(cases: list[tuple[Kind, int]]) -> Iterator[tuple[Kind, list[int]]]:
    for kind in KINDS:
        seeds = [seed for one, seed in cases if one == kind]
        if seeds:
            yield kind, seeds


def _tell(writing: int, value: object) -> None:
    data = (json.dumps(value) + "\n").encode()
    while data:
        data = data[os.write(writing, data) :]
