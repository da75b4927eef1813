"""Simulated runs on disk: a folder a run, a line a round, so that a kill costs one round at most."""

import fcntl
import json
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askance.simulation.experiment import Experiment, Problem
from askance.simulation.sources import code_of_strategy
from askance.vocab import ConfigError, Curve, Damaged
from askance.vocab.files import (
    damaged,
    make_folder,
    parse_json,
    read_json,
    reading,
    write_json,
    write_whole,
    writing,
)


@dataclass(frozen=True, slots=True)
class _Line:
    """What a finished round leaves at least."""

    round: int
    labels: int
    metrics: dict[str, float | None]
    picked: list[str]
    training: dict[str, Any]
    cpu_seconds: list[float]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one strategy on one seed writes what it did."""

    path: Path

    @classmethod
    def of(cls, out: Path, strategy: str, seed: int) -> "RunFolder":
        """The folder of a run under an experiment's.

        That of a strategy with a function of one's own has digits of its code in its name: another code, another
        folder.
        """
        code = code_of_strategy(strategy)
        return cls(out / "runs" / f"{_plain_name(strategy)}{'@' if code else ''}{code}-{seed}")

    def model(self, number: int) -> Path:
        """The file of a round's model."""
        return self.path / f"model-{number:04d}.safetensors"

    def lines(self) -> list[dict[str, Any]]:
        """The rounds that were finished; a line cut short by a kill is not one.

        Raises:
            Damaged: a line is not a round, or not the one that should stand there.
        """
        file = self.path / "curve.jsonl"
        with reading(file):
            whole = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
        return [self._line(number, text) for number, text in enumerate(whole)]

    def _line(self, number: int, text: bytes) -> dict[str, Any]:
        file, fix = self.path / "curve.jsonl", f"remove the folder {self.path}, and its run is begun anew"
        try:
            parse_json(text, file, _Line, fix)
        except Damaged as error:
            raise damaged(file, f"line {number + 1}: {error.got}", fix) from None
        found: dict[str, Any] = json.loads(text)
        if found["round"] != number:
            raise damaged(file, f"line {number + 1}: it is of round {found['round']}, not {number}", fix)
        return found

    def finished(self) -> int:
        """How many rounds were finished, without reading what they hold."""
        file = self.path / "curve.jsonl"
        with reading(file):
            return file.read_bytes().count(b"\n") if file.exists() else 0

    def open(self, rounds: int) -> list[dict[str, Any]]:
        """Make the folder, cut off what cannot be gone on from, and return the finished rounds.

        That is a half-written line, and a last round that bought nothing because it was the last of a smaller
        budget: where more than these rounds are wanted now, it is run again.
        """
        make_folder(self.path)
        lines, path = self.lines(), self.path / "curve.jsonl"
        if lines and len(lines) < rounds and not lines[-1]["picked"]:
            lines.pop()
        with writing(path), path.open("a+b") as file:
            file.seek(0)
            file.truncate(sum(map(len, file.readlines()[: len(lines)])))
        return lines

    def check_agrees(self, lines: list[dict[str, Any]]) -> None:
        """Refuse rounds from elsewhere that are not those that are here, as far as both go.

        Raises:
            ConfigError: other labels, metrics or picks in the same round.
        """
        for own, other in zip(self.lines(), lines, strict=False):
            picks = own["picked"] == other["picked"] or not (own["picked"] and other["picked"])
            if own["labels"] != other["labels"] or own["metrics"] != other["metrics"] or not picks:
                raise ConfigError(
                    f"the same rounds as in {self.path}",
                    f"another model with {other['labels']} labels (round {own['round']})",
                    "choose another --out, or remove that folder",
                )

    def take_up(self, lines: list[dict[str, Any]]) -> int:
        """Have rounds that were finished elsewhere, where they are more than there are here; how many more.

        Raises:
            ConfigError: see `check_agrees`.
        """
        with self.alone():
            self.check_agrees(lines)
            more = len(lines) - self.finished()
            if more > 0:
                text = "".join(json.dumps(line) + "\n" for line in lines)
                write_whole(self.path / "curve.jsonl", text.encode())
        return max(0, more)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only process that writes here; another one ends its run first."""
        make_folder(self.path)
        with ExitStack() as stack:
            with writing(self.path):
                fcntl.flock(stack.enter_context((self.path / "lock").open("w")), fcntl.LOCK_EX)
            yield

    def append(self, line: dict[str, Any], *, keep_first: bool = False) -> None:
        """Write a finished round; its model's file must be whole by now. The model before it goes.

        But not when nothing was bought, see `open`, nor the first where it is to be kept for other strategies.
        """
        path = self.path / "curve.jsonl"
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if line["picked"]:
            for before in (1, 2):  # two, where a round was the last of a smaller budget
                if keep_first and line["round"] == before:
                    continue
                with writing(self.path):
                    self.model(line["round"] - before).unlink(missing_ok=True)


def claim(out: Path, experiment: Experiment, problem: Problem, task: str = "") -> None:
    """Make a folder this experiment's on these images.

    Args:
        task: digits of the code of a task that is not Askance's own, see `code_of`. Runs from before these were
            kept go on.

    Raises:
        ConfigError: it holds runs with other settings, data or code of the task, which are named.
        StoreError: it cannot be written, or what it says of its runs is damaged.
    """
    file = out / "experiment.json"
    mine = json.loads(json.dumps(experiment.as_json() | {"data": problem.fingerprint(), "task": task}))
    fix = f"choose another --out, or remove {file} if the runs beside it are of this experiment"
    theirs = {"task": task} | read_json(file, dict[str, Any], fix) if file.exists() else mine
    if theirs != mine:
        differing = sorted(key for key in mine.keys() | theirs.keys() if theirs.get(key) != mine.get(key))
        raise ConfigError(
            "a folder for this experiment",
            f"{out} holds runs with other settings: {', '.join(differing)}",
            "choose another --out, or remove that folder",
        )
    write_json(file, mine)


def warn_of_other_code(out: Path, experiment: Experiment) -> None:
    """Say which runs were made by another code of a person's own functions, and so are begun anew."""
    for strategy in experiment.strategies:
        own = {RunFolder.of(out, strategy, seed).path for seed in experiment.seeds}
        if not code_of_strategy(strategy) or any(path.exists() for path in own):
            continue
        name = _plain_name(strategy)
        seeds = {f"{name}{code}-{seed}" for seed in experiment.seeds for code in ("", "@????????")}
        others = {path.parent for seed in seeds for path in (out / "runs").glob(f"{seed}/curve.jsonl")}
        if others:
            warnings.warn(
                f"the code of {strategy} is not what {len(others)} runs in {out / 'runs'} were made by: they stay "
                f"({', '.join(sorted(path.name for path in others)[:3])}), and its runs are begun anew",
                stacklevel=4,
            )


def _plain_name(strategy: str) -> str:
    return strategy.replace(":", "_")


def read_runs(out: Path, experiment: Experiment) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Strategy and seed -> the rounds of it that a folder of runs holds, up to the experiment's end."""
    return {
        (strategy, seed): RunFolder.of(out, strategy, seed).lines()[: experiment.rounds]
        for strategy in experiment.strategies
        for seed in experiment.seeds
    }


def read_curves(out: Path, experiment: Experiment, *, whole: bool = False) -> list[Curve]:
    """The curves that a folder of runs holds, as far as they have come; or those alone that are at their end."""
    return [
        _curve(*run, lines)
        for run, lines in read_runs(out, experiment).items()
        if len(lines) == experiment.rounds or not whole
    ]


def _curve(strategy: str, seed: int, lines: list[dict[str, Any]]) -> Curve:
    metrics: defaultdict[str, list[float]] = defaultdict(list)
    for line in lines:
        for key, value in line["metrics"].items():
            metrics[key].append(value)
    labels = tuple(int(line["labels"]) for line in lines)
    return Curve(strategy, seed, labels, {key: tuple(values) for key, values in metrics.items()})
