"""The dated page of an attack, and its counts as JSON beside it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.attack.cases import FAULTS, KINDS, Kind, Result

TITLES: dict[Kind, str] = {
    "kill": "commands killed",
    "disk": "commands on failing disks",
    "together": "projects with several processes at once",
    "image": "mangled images",
    "table": "label files and folders",
}
SHOWN = 40
"""Faults that are named on the page; all are in the JSON."""


def counts(results: Sequence[Result]) -> dict[str, object]:
    """Cases by kind, by what was attacked and by what was done to it, and every fault."""
    kinds: dict[str, object] = {}
    for kind in KINDS:
        of = [one for one in results if one.kind == kind]
        if of:
            kinds[kind] = {
                "cases": len(of),
                "landed": sum(one.landed for one in of),
                "ends": dict(Counter(one.end for one in of)),
                "what": dict(sorted(Counter(one.what for one in of).items())),
                "how": dict(sorted(Counter(_ways(one) for one in of).items())),
            }
    return {"kinds": kinds, "faults": [one.record() for one in results if one.end != "ok"]}


def summary(results: Sequence[Result]) -> str:
    """A table of cases and faults by kind, in Markdown."""
    rows = []
    for kind in KINDS:
        of = [one for one in results if one.kind == kind]
        ends = Counter(one.end for one in of)
        if of:
            rows.append([TITLES[kind], f"{len(of):,}", *(str(ends[end]) for end in FAULTS)])
    return _table(("what", "cases", *FAULTS), rows)


def write_page(folder: Path, results: Sequence[Result], about: Mapping[str, str]) -> Path:
    """Write the page of today and its JSON; a page of the same day is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    found = counts(results)
    text = json.dumps({"about": dict(about), **found}, indent=1, ensure_ascii=False)
    (folder / f"{today}-attack.json").write_text(text + "\n")
    page = folder / f"{today}-attack.md"
    page.write_text("\n".join(_lines(results, about)) + "\n")
    return page


def _lines(results: Sequence[Result], about: Mapping[str, str]) -> Iterable[str]:
    faults = [one for one in results if one.end != "ok"]
    yield f"# Attack, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n"
    for name, value in about.items():
        yield f"- {name}: {value}"
    yield "\n`docs/robustness.md` says what each kind does and what is held against it.\n"
    yield summary(results)
    for kind in KINDS:
        of = [one for one in results if one.kind == kind]
        if of:
            yield f"\n## {TITLES[kind].capitalize()}\n"
            felt = sum(one.landed for one in of)
            if felt < len(of):
                yield f"Of {len(of):,} blows {felt:,} were felt; the others came when the command had ended.\n"
            yield _by(
                "attacked", Counter(one.what for one in of), Counter(one.what for one in of if one.end != "ok")
            )
            bad = Counter(_ways(one) for one in of if one.end != "ok")
            yield "\n" + _by("by", Counter(_ways(one) for one in of), bad)
    if faults:
        yield f"\n## Faults: {len(faults)}\n"
        yield "`python -m tools.attack --replay KIND:SEED` does one again.\n"
        shown = faults[:SHOWN]
        rows = [[f"`{one.kind}:{one.seed}`", one.what, one.how, one.end, _cell(one.note)] for one in shown]
        yield _table(("replay", "attacked", "by", "end", "seen"), rows)
        if len(faults) > SHOWN:
            yield f"\nand {len(faults) - SHOWN} more, in the JSON beside this page."


def _ways(one: Result) -> str:
    """What was done, of several things their number."""
    return (
        one.how if one.kind in ("kill", "disk") else one.how.partition(",")[0] if one.kind != "together" else "all"
    )


def _by(title: str, all_of: Counter[str], bad: Counter[str]) -> str:
    rows = [[name, f"{n:,}", str(bad[name])] for name, n in sorted(all_of.items())]
    return _table((title, "cases", "faults"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:200]
