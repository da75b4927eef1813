"""A learning curve for the README or a page, from the raw rounds of a study: `python -m tools.picture`.

    python -m tools.picture benchmarks/papers/2026-11-27-trashnet.parquet ten docs/images/trashnet-ten.png \
        --arms max-herding,margin,random --subject "TrashNet, ten labels a round"

The title says what these runs show; it is not chosen.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from askance.report import ReportData, plot_curves
from askance.report.levels import levels_of
from askance.report.verdict import finding, headline
from askance.vocab import Curve


def curves_in(raw: Path, part: str, arms: Sequence[str] = ()) -> list[Curve]:
    """The runs of a part that reached its end, of these arms (all of them where none is named), in their order."""
    found: defaultdict[tuple[str, int], dict[int, dict[str, float]]] = defaultdict(dict)
    columns = ["part", "strategy", "seed", "labels", "metrics"]
    for row in pq.read_table(raw, columns=columns).to_pylist():
        if row["part"] == part:
            found[row["strategy"], row["seed"]][row["labels"]] = json.loads(row["metrics"])
    names = list(arms) or list(dict.fromkeys(name for name, _ in found))
    end = max((size for run in found.values() for size in run), default=0)
    return [
        _curve(*key, found[key]) for name in names for key in sorted(found) if key[0] == name and end in found[key]
    ]


def _curve(strategy: str, seed: int, run: dict[int, dict[str, float]]) -> Curve:
    sizes = tuple(sorted(run))
    return Curve(strategy, seed, sizes, {name: tuple(run[n][name] for n in sizes) for name in run[sizes[0]]})


def main() -> None:
    """Draw what the command line asks for, and say what it shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="DATE-STUDY.parquet")
    parser.add_argument("part", help="which part of the study")
    parser.add_argument("out", type=Path, help="a .png or .svg")
    parser.add_argument("--arms", default="", help="comma separated; else all")
    parser.add_argument("--metric", default="error")
    parser.add_argument("--subject", default="", help="the data set, for the title; else the study's file name")
    given = parser.parse_args()
    curves = curves_in(given.raw, given.part, [name for name in given.arms.split(",") if name])
    data = ReportData(given.subject or given.raw.stem, curves, metric=given.metric)
    levels = levels_of(curves, given.metric)
    plot_curves(curves, given.out, metric=given.metric, targets=levels, title=f"{data.title}: {finding(data)}")
    print(*headline(data), f"written: {given.out}", sep="\n")


if __name__ == "__main__":
    main()
