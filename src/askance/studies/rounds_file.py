"""The rounds of a study in one Parquet file: written beside its page, and taken up again elsewhere."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from askance.simulation.experiment import Experiment
from askance.simulation.runs import RunFolder, read_runs
from askance.vocab import ConfigError
from askance.vocab.files import write_whole

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
        "made": pa.string(),
    }
)
"""A row a round; metrics, and by which code, masks and when it was made, are JSON objects."""

Made = Mapping[str, Mapping[tuple[int, int], Mapping[str, str]]]
"""What made rounds: strategy -> seed and training size -> code, masks and when."""

_LATER = {"images", "weights"}
"""What a configuration did not say at first."""

UNNOTED = {"code": "code that was not noted", "masks": "independent masks", "at": ""}
"""Of rounds from before they kept what made them."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a part's rounds, the oldest first, in words; empty where there are none.

    Attributes:
        code: versions, days and how many rounds.
        masks: how their draws came to their masks; empty where nothing is dropped to draw.
    """

    code: str
    masks: str

    @classmethod
    def of(cls, made: Made) -> "Origin":
        """In words."""
        rounds = sorted((one for arm in made.values() for one in arm.values()), key=itemgetter("at"))
        days: defaultdict[str, list[str]] = defaultdict(list)
        for one in rounds:
            days[one["code"]].append(one["at"][:10])
        spans = {code: " to ".join(dict.fromkeys(filter(None, (of[0], of[-1])))) for code, of in days.items()}
        code = [", ".join(filter(None, (name, spans[name], f"{len(of):,} rounds"))) for name, of in days.items()]
        return cls(
            "; then ".join(code), ", then ".join(dict.fromkeys(one["masks"] for one in rounds if one["masks"]))
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part's runs are.

    Attributes:
        experiment: what is run.
        data: on what, in words.
        folder: of its runs.
        images: fingerprint of the images and their labels.
        weights: hex digits of the file the trunk starts from; empty for none.
    """

    experiment: Experiment
    data: str
    folder: Path
    images: str
    weights: str = ""

    def config(self) -> dict[str, Any]:
        """All that its rounds depend on, as JSON has it."""
        own = {
            **self.experiment.as_json(),
            "until": self.experiment.until,
            "strategies": list(self.experiment.strategies),
            "seeds": list(self.experiment.seeds),
            "data": self.data,
            "images": self.images,
            **({"weights": self.weights} if self.weights else {}),
        }
        found: dict[str, Any] = json.loads(json.dumps(own))
        return found

    def made(self) -> Made:
        """What made its rounds."""
        found: dict[str, dict[tuple[int, int], dict[str, str]]] = {name: {} for name in self.experiment.strategies}
        nothing = {} if self.experiment.model.posterior == "mc-dropout" else {"masks": ""}
        for (strategy, seed), lines in read_runs(self.folder, self.experiment).items():
            found[strategy] |= {(seed, line["labels"]): UNNOTED | line.get("made", {}) | nothing for line in lines}
        return found


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
            "loss": _one_loss(line["training"].get("loss")),
            "converged": line["training"]["converged"],
            "cpu_seconds": line["cpu_seconds"],
            "made": json.dumps(line["made"]) if "made" in line else None,
        }
        for part, place in parts.items()
        for (strategy, seed), lines in read_runs(place.folder, place.experiment).items()
        for line in lines
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink, compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes())


def _one_loss(loss: float | list[float] | None) -> float | None:
    """The last loss; of several heads, their mean."""
    return mean(loss) if isinstance(loss, list) else loss


def read_rounds(path: Path, parts: Mapping[str, Place]) -> int:
    """Take up the rounds of a file where this machine has fewer of a run; how many were taken up.

    They are those of the part of that name, or of another with the same settings and images.
    The next round of such a run is computed from the labels it has bought, as after a kill. Each round keeps what
    made it, and every page that is made of them says it.

    Args:
        path: a Parquet file of `write_rounds`, with the configuration of its study beside it as `.json`.
        parts: those of the same study; rounds of others are left.

    Raises:
        ConfigError: no such files, rounds of other settings or data or that differ from those here, or models that
            start from the one before, which are not in the file. Nothing is taken up then.
    """
    config, runs = _read(path)
    places = {name: _place(name, config.get(name, {}), parts) for name in dict.fromkeys(key[0] for key in runs)}
    found = [
        (RunFolder.of(place.folder, strategy, seed), lines)
        for (name, strategy, seed), lines in runs.items()
        if (place := places[name]) is not None
    ]
    for folder, lines in found:
        folder.check_agrees(lines)
    return sum(folder.take_up(lines) for folder, lines in found)


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
    except (ValueError, KeyError, TypeError, OSError, RecursionError, pa.ArrowException) as error:
        fix = "name a file that `askance bench` wrote"
        raise ConfigError("the result of a study", f"{path}: {error}", fix) from error
    return said, runs


def _place(name: str, said: Mapping[str, Any], parts: Mapping[str, Place]) -> Place | None:
    """Where the rounds of a part of a file belong; None for those of a part that is not looked at.

    Raises:
        ConfigError: there is a part of that name, of which they cannot be.
    """
    own = parts.get(name)
    candidates = [*([own] if own else []), *parts.values()]
    place = next((one for one in candidates if not _differing(one, said)), None)
    if place is None and own is None:
        return None
    if place is None or place.experiment.train.start == "warm":
        other = _differing(own, said) if own else []
        raise ConfigError(
            f"rounds of part {name} with today's settings, each of whose models is trained from scratch",
            f"others: {', '.join(other)}" if other else "models that start from the one before",
            "run it anew, without --resume-from",
        )
    return place


def _differing(place: Place, said: Mapping[str, Any]) -> list[str]:
    """Settings and images that are others; those that were not written down at the time are not asked about."""
    own = place.config()
    free = {"until", "strategies", "seeds"} - place.experiment.as_json().keys()
    free |= _LATER - said.keys()
    return sorted(key for key in (own.keys() | said.keys()) - free if own.get(key) != said.get(key))


def _line(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A round as a run's folder has it."""
    training = {key: row[key] for key in ("steps", "loss", "converged")}
    plain = {key: row[key] for key in ("labels", "picked", "cpu_seconds")}
    made = {"made": json.loads(row["made"])} if row.get("made") else {}
    return {"round": number, **plain, "metrics": json.loads(row["metrics"]), "training": training, **made}
