"""The rounds of a study in one Parquet file: written beside its page, and taken up again elsewhere."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from askance.loop.experiment import Experiment
from askance.loop.runs import RunFolder
from askance.uncertainty import MASKS
from askance.vocab import ConfigError
from askance.vocab.files import write_json

_SCHEMA = pa.schema(
    {
        "part": pa.string(),
        "strategy": pa.string(),
        "seed": pa.int64(),
        "labels": pa.int64(),
        "metrics": pa.string(),
        "picked": pa.list_(pa.string()),
        "steps": pa.int64(),
        "loss": pa.float64(),
        "converged": pa.bool_(),
        "cpu_seconds": pa.list_(pa.float64()),
    }
)
"""A row a round; metrics are a JSON object."""

TAKEN_UP, MASKED = "taken-up.json", "masks.json"
"""In a folder of runs: what was taken up there, from which files; and the masks that its rounds were drawn by."""

INDEPENDENT = "independent masks"
"""Of rounds from before there was a word for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part's runs are.

    Attributes:
        experiment: what is run.
        data: on what, in words.
        folder: of its runs.
    """

    experiment: Experiment
    data: str
    folder: Path

    def config(self) -> dict[str, Any]:
        """All that its rounds depend on, and where they come from, as JSON has it."""
        own = {
            **self.experiment.as_json(),
            "until": self.experiment.until,
            "strategies": list(self.experiment.strategies),
            "seeds": list(self.experiment.seeds),
            "data": self.data,
            "masks": self.masks() or [MASKS],
            "taken_up": self.taken_up(),
        }
        found: dict[str, Any] = json.loads(json.dumps(own))
        return found

    def taken_up(self) -> list[str]:
        """What was taken up from elsewhere, a sentence each."""
        return self._said(TAKEN_UP)

    def masks(self) -> list[str]:
        """How the draws of its rounds came to their masks, the oldest first; none where there are no rounds."""
        old = [INDEPENDENT] if any(self.folder.glob("runs/*/curve.jsonl")) else []
        return self._said(MASKED) or old

    def note(self, *, masks: Iterable[str] = (), taken_up: Iterable[str] = ()) -> None:
        """Keep in mind what the folder's rounds come from, beside what it has in mind."""
        for file, more in ((MASKED, masks), (TAKEN_UP, taken_up)):
            if found := list(dict.fromkeys([*self._said(file), *more])):
                write_json(self.folder / file, [*found])

    def is_whole(self) -> bool:
        """Whether all its runs have reached their end."""
        runs = [
            RunFolder.of(self.folder, name, n)
            for name in self.experiment.strategies
            for n in self.experiment.seeds
        ]
        return all(run.finished() >= self.experiment.rounds for run in runs)

    def _said(self, name: str) -> list[str]:
        file = self.folder / name
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def write_rounds(path: Path, parts: Mapping[str, Place]) -> None:
    """Every finished round, of runs that have not reached their end too: metrics, picks, training and its cost."""
    rows: list[dict[str, Any]] = [
        {
            "part": part,
            "strategy": strategy,
            "seed": seed,
            "labels": line["labels"],
            "metrics": json.dumps(line["metrics"]),
            "picked": line["picked"],
            "steps": line["training"].get("steps"),
            "loss": line["training"].get("loss"),
            "converged": line["training"]["converged"],
            "cpu_seconds": line["cpu_seconds"],
        }
        for part, place in parts.items()
        for strategy in place.experiment.strategies
        for seed in place.experiment.seeds
        for line in RunFolder.of(place.folder, strategy, seed).lines()[: place.experiment.rounds]
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="zstd")


def read_rounds(path: Path, parts: Mapping[str, Place]) -> int:
    """Take up the rounds of a file where this machine has fewer of a run; how many were taken up.

    The next round of such a run is computed from the labels it has bought, as after a kill. What was taken up and
    under which masks it was drawn is kept in mind, and every page that is made of these rounds says it.

    Args:
        path: a Parquet file of `write_rounds`, with the configuration of its study beside it as `.json`.
        parts: those of the same study; rounds of others are left.

    Raises:
        ConfigError: no such files, rounds of other settings or data or that differ from those here, or models that
            start from the one before, which are not in the file. Nothing is taken up then.
    """
    config, runs = _read(path)
    runs = {key: lines for key, lines in runs.items() if key[0] in parts}
    names = {name for name, _, _ in runs}
    for name in names:
        _check(name, parts[name], config.get(name))
    folders = {key: RunFolder.of(parts[key[0]].folder, *key[1:]) for key in runs}
    for key, lines in runs.items():
        folders[key].check_agrees(lines)
    for name in names:  # said before it is done, so that a kill between leaves no rounds of unknown origin
        more = sum(max(0, len(lines) - folders[key].finished()) for key, lines in runs.items() if key[0] == name)
        if more:
            said = [*config[name].get("taken_up", []), f"{name}: {more:,} rounds of {path.name}"]
            masks = config[name].get("masks", [INDEPENDENT])
            parts[name].note(masks=[*parts[name].masks(), *masks], taken_up=said)
    return sum(folders[key].take_up(lines) for key, lines in runs.items())


_Run = tuple[str, str, int]
"""Part, strategy, seed."""


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], dict[_Run, list[dict[str, Any]]]]:
    """The configuration of each part, and the lines of each run.

    Raises:
        ConfigError: not there, or no result of a study.
    """
    config = path.with_suffix(".json")
    for file in (path, config):
        if not file.is_file():
            raise ConfigError(
                "a .parquet of an earlier result, and its .json beside it", f"no {file}", "name both"
            )
    runs: defaultdict[_Run, list[dict[str, Any]]] = defaultdict(list)
    try:
        said = {
            name: dict(one) for name, one in dict(json.loads(config.read_text(encoding="utf-8"))["parts"]).items()
        }
        for row in pq.read_table(path, schema=_SCHEMA).to_pylist():
            run = runs[row["part"], row["strategy"], row["seed"]]
            run.append(_line(len(run), row))
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        fix = "name a file that `askance bench` wrote"
        raise ConfigError("the result of a study", f"{path}: {error}", fix) from error
    return said, runs


def _check(name: str, place: Place, said: Mapping[str, Any] | None) -> None:
    own, free = place.config(), {"until", "strategies", "seeds", "masks", "taken_up"}
    other = sorted(key for key in own.keys() - free if said is None or said.get(key) != own[key])
    if other or place.experiment.train.start == "warm":
        raise ConfigError(
            f"rounds of part {name} with today's settings, each of whose models is trained from scratch",
            f"others: {', '.join(other)}" if other else "models that start from the one before",
            "run it anew, without --resume-from",
        )


def _line(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A round as a run's folder has it."""
    training = {key: row[key] for key in ("steps", "loss", "converged")}
    plain = {key: row[key] for key in ("labels", "picked", "cpu_seconds")}
    return {"round": number, **plain, "metrics": json.loads(row["metrics"]), "training": training}
