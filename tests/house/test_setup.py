"""Set-up on a fresh machine, played with a Python that only writes down what it was asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.rules import ROOT

PYTHON = """#!/bin/bash
echo "python $*" >> "$LOG"
case "$*" in
  -c*) exit "${OLD:-0}" ;;
  "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  "-m pip install"*" uv")
    [ -n "$NO_UV" ] && exit 1
    printf '#!/bin/bash\\necho "uv $*" >> "$LOG"; exit "${UV_FAILS:-0}"\\n' > .venv/bin/uv
    chmod +x .venv/bin/uv ;;
  --version) echo "Python 3.${MINOR:-12}.0" ;;
esac
"""


class Machine:
    """A folder with the script to test, and a PATH on which nothing else is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tools").mkdir()
        (folder / "bin").mkdir()
        shutil.copy(ROOT / "tools" / "setup.sh", folder / "tools")
        for needed in ["bash", "dirname", "mkdir", "cp", "chmod", "touch"]:
            (folder / "bin" / needed).symlink_to(shutil.which(needed))
        python = folder / "bin" / "python3"
        python.write_text(PYTHON)
        python.chmod(0o755)

    def setup(self, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": str(self.folder / "bin"), "LOG": str(self.folder / "log"), **variables}
        command = ["bash", str(self.folder / "tools" / "setup.sh")]
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    def asked(self) -> list[str]:
        return [
            line for line in (self.folder / "log").read_text().splitlines() if not line.startswith("python -c")
        ]

    @property
    def installed(self) -> bool:
        return (self.folder / ".venv" / ".installed").exists()


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_a_fresh_machine_is_set_up_by_uv(machine):
    assert machine.setup().returncode == 0
    assert machine.asked()[-1].startswith("uv pip install")
    assert machine.installed


@pytest.mark.parametrize("trouble", ["NO_UV", "UV_FAILS"])
def test_pip_takes_over_where_uv_fails(machine, trouble):
    done = machine.setup(**{trouble: "1"})
    assert done.returncode == 0
    assert "plain pip" in done.stdout
    assert machine.asked()[-1].startswith("python -m pip install")
    assert machine.asked()[-1].endswith("--editable .[dev]")
    assert machine.installed


def test_an_old_python_is_refused_in_words(machine):
    done = machine.setup(OLD="1", MINOR="9")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == ["wanted: Python 3.11 or newer", "got:    Python 3.9.0"]
    assert not machine.installed


def test_a_second_time_keeps_the_environment(machine):
    machine.setup()
    (machine.folder / "log").unlink()
    assert machine.setup().returncode == 0
    assert not any(line.startswith("python -m venv") for line in machine.asked())


def test_every_verb_has_its_line_of_help():
    listed = subprocess.check_output(["make", "-C", str(ROOT), "--no-print-directory"], text=True, env=os.environ)
    (phony,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")]
    assert [line.split()[1] for line in listed.splitlines()] == phony.split()[1:]
    assert all(len(line.split()) > 3 for line in listed.splitlines())
