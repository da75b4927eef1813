"""The rounds of a study in one Parquet file: written beside its page, and taken up again elsewhere."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from askance.loop.experiment import Experiment
from askance.loop.runs import RunFolder
from askance.vocab import ConfigError

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

Parts = Mapping[str, tuple[Experiment, Path]]
"""Of each part of a study by its name: what is run, and the folder of its runs."""


def write_rounds(path: Path, parts: Parts) -> None:
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
        for part, (experiment, folder) in parts.items()
        for strategy in experiment.strategies
        for seed in experiment.seeds
        for line in RunFolder.of(folder, strategy, seed).lines()[: experiment.rounds]
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="zstd")


def read_rounds(path: Path, parts: Parts) -> int:
    """Take up the rounds of a file where this machine has fewer of a run; how many were taken up.

    The next round of such a run is computed from the labels it has bought, as after a kill.

    Args:
        path: a Parquet file of `write_rounds`, with the configuration of its study beside it as `.json`.
        parts: those of the same study; rounds of others are left.

    Raises:
        ConfigError: no such files, rounds of other settings, or models that start from the one before, which are
            not in the file.
    """
    config = path.with_suffix(".json")
    for file in (path, config):
        if not file.is_file():
            raise ConfigError(
                "a .parquet of an earlier result, and its .json beside it", f"no {file}", "name both"
            )
    try:
        said = json.loads(config.read_text(encoding="utf-8"))["parts"]
        rows = pq.read_table(path, schema=_SCHEMA).to_pylist()
    except (ValueError, KeyError, OSError, pa.ArrowException) as error:
        raise ConfigError(
            "the result of a study", f"{path}: {error}", "name a file that `askance bench` wrote"
        ) from error
    found: defaultdict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["part"], row["strategy"], row["seed"]].append(row)
    taken = 0
    for (name, strategy, seed), run in found.items():
        if name in parts:
            experiment, folder = parts[name]
            _check(name, experiment, said.get(name, {}))
            taken += RunFolder.of(folder, strategy, seed).take_up([_line(n, row) for n, row in enumerate(run)])
    return taken


def _check(name: str, experiment: Experiment, said: Mapping[str, Any]) -> None:
    own = json.loads(json.dumps(experiment.as_json()))
    other = sorted(key for key in own if said.get(key) != own[key])
    if other or experiment.train.start == "warm":
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
