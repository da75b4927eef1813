"""Plant each error of `plants.toml` in a copy of the sources, and see which test catches it.

`python -m tools.plant_errors` writes `docs/planted-errors.md`; it takes minutes to an hour. `--only TEXT` takes
those whose words contain it and writes nothing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.rules import ROOT

SOURCES = ROOT / "src" / "askance"
PAGE = ROOT / "docs" / "planted-errors.md"
LIST = ROOT / "tools" / "plants.toml"


@dataclass(frozen=True, slots=True)
class Plant:
    """One error.

    Attributes:
        error: what is wrong with it, in words.
        file: under `src/askance`.
        was: text that stands there exactly once.
        becomes: what replaces it.
        tests: what is run until something fails.
    """

    error: str
    file: str
    was: str
    becomes: str
    tests: tuple[str, ...]


def plants() -> list[Plant]:
    """The list, with the tests of each by path."""
    read = tomllib.loads(LIST.read_text())
    paths = read["tests"]
    return [
        Plant(**{**one, "tests": tuple(path for name in one["tests"] for path in paths[name])})
        for one in read["plant"]
    ]


def planted(plant: Plant, text: str) -> str:
    """The file's text with the error in it.

    Raises:
        ValueError: what is to be replaced does not stand there exactly once.
    """
    if text.count(plant.was) != 1:
        raise ValueError(f"{plant.file}: {plant.was!r} stands there {text.count(plant.was)} times")
    return text.replace(plant.was, plant.becomes)


def caught_by(plant: Plant, folder: Path) -> str | None:
    """The first test that fails on the error, or None."""
    file = folder / "askance" / plant.file
    whole = file.read_text()
    file.write_text(planted(plant, whole))
    try:
        return failing(plant.tests, folder)
    except RuntimeError as error:
        raise RuntimeError(f"{plant.error}: {error}") from error
    finally:
        file.write_text(whole)


def failing(tests: Sequence[str], folder: Path) -> str | None:
    """The first of these tests that fails on the sources in a folder, or None.

    Raises:
        RuntimeError: they do not even load, which catches nothing.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^(?:FAILED|ERROR) tests/(\S+::\S+)", done.stdout, re.MULTILINE)
    if done.returncode and not found:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return found.group(1).partition("[")[0] if found else None


def page(rows: Iterable[tuple[Plant, str | None]]) -> str:
    """The table."""
    rows = list(rows)
    missed = sum(test is None for _, test in rows)
    lines = [
        "# Planted errors",
        "",
        "Each of these was put into a copy of the code, one at a time, and the tests were run until one failed: "
        "`python -m tools.plant_errors`. In the copy without an error all of them passed, right before.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}: {len(rows)} planted, {len(rows) - missed} caught.",
        "",
        "| error | file | caught by |",
        "|---|---|---|",
    ]
    lines += [
        f"| {plant.error} | `{plant.file}` | {f'`{test}`' if test else '**nothing**'} |" for plant, test in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Plant, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(SOURCES, Path(place) / "askance", ignore=shutil.ignore_patterns("__pycache__"))
        wanted = [plant for plant in plants() if options.only in plant.error]
        if not wanted:
            sys.exit(f"no planted error has {options.only!r} in its words")
        if wrong := failing(sorted({test for plant in wanted for test in plant.tests}), Path(place)):
            sys.exit(f"with no error planted this fails: {wrong}")
        for plant in wanted:
            rows.append((plant, caught_by(plant, Path(place))))
            print(f"{plant.error}: {rows[-1][1] or 'NOT CAUGHT'}", flush=True)
    if not options.only:
        PAGE.write_text(page(rows))
    sys.exit(any(test is None for _, test in rows))


if __name__ == "__main__":
    main()
