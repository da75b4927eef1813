"""Formatter, linter, type checker and import contracts find nothing, and are shown to find what they are for."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.plant_errors import planted, plants
from tools.rules import ROOT

BIN = Path(sys.executable).parent

CHECKS = {
    "format": ["ruff", "format", "--check", "--diff", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


def call(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    options = {"cwd": ROOT} | options
    command = [str(BIN / command[0]), *command[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("check", CHECKS)
def test_finds_nothing(check):
    done = call(CHECKS[check])
    if done.returncode:
        pytest.fail(f"{' '.join(CHECKS[check])}\n{done.stdout}{done.stderr}", pytrace=False)


COMPLEX = "def f(x: int) -> None:\n" + '    """Do."""\n' + "    if x:\n        print(x)\n" * 11


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("D103", "def f() -> None:\n    print()\n"),
        ("D102", 'class A:\n    """A."""\n\n    def f(self) -> None:\n        print()\n'),
        ("C901", COMPLEX),
        (
            "PLR0913",
            'def f(a: int, b: int, c: int, d: int, e: int, g: int, h: int, i: int) -> None:\n    """Do."""\n',
        ),
        ("ANN201", 'def f():\n    """Do."""\n    print()\n'),
        ("S301", "import pickle\n\npickle.loads(b'')\n"),
        ("NPY002", "import numpy as np\n\nnp.random.seed(0)\n"),
    ],
)
def test_the_linter_reads_the_rule(rule, source):
    done = call(["ruff", "check", "--stdin-filename", "src/askance/maths/planted.py", "-"], input=source)
    assert rule in done.stdout


def test_the_contracts_see_an_import_that_runs_up(tmp_path):
    """On a copy of the tree of rooms with one line planted."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = [room.strip() for layer in contracts[0]["layers"] for room in layer.split("|")]
    for room in rooms:
        (tmp_path / "askance" / room).mkdir(parents=True)
        (tmp_path / "askance" / room / "__init__.py").touch()
    for light in ("hub", "listed", "names"):
        (tmp_path / "askance" / "networks" / f"{light}.py").touch()
    (tmp_path / "askance" / "__init__.py").touch()
    (tmp_path / "askance" / "vocab" / "planted.py").write_text("import torch\nimport askance.cli\n")
    command = ["lint-imports", "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = call(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "askance.vocab is not allowed to import askance.cli" in done.stdout
    assert "askance.vocab is not allowed to import torch" in done.stdout


@pytest.mark.parametrize("plant", plants(), ids=lambda plant: plant.error)
def test_an_error_that_is_planted_still_has_its_place(plant):
    text = (ROOT / "src" / "askance" / plant.file).read_text()
    assert planted(plant, text) != text
    compile(planted(plant, text), plant.file, "exec")
    assert all((ROOT / path).exists() for path in plant.tests)
