"""What is shipped is whole, starts quickly and stands on its own."""

import subprocess
import sys
import zipfile

import pytest

from tools.rules import ROOT

SRC = ROOT / "src"
HEAVY = [
    "torch",
    "torchvision",
    "timm",
    "sqlalchemy",
    "alembic",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
]
EXTRAS = ["psycopg", "s3fs", "gcsfs", "adlfs", "botocore"]
DEVELOPMENT = ["pytest", "hypothesis", "beartype", "mypy", "mkdocs", "selenium"]


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints; warnings are errors there too."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_imports_nothing_heavy():
    """So that it answers at once: torch alone takes seconds."""
    code = """
import sys
from askance.cli.main import app
try:
    app(["--help"])
except SystemExit as done:
    assert not done.code, done.code
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
    said = python(code, *HEAVY)
    assert "Usage" in said
    assert said.splitlines()[-1].strip() == "loaded:"


def test_every_module_imports_without_extras_and_development_tools():
    code = """
import importlib, pkgutil, sys
absent = set(sys.argv[1:])
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import askance
for module in pkgutil.walk_packages(askance.__path__, "askance."):
    if ".migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert not absent & set(sys.modules)
print(len([name for name in sys.modules if name.startswith("askance.")]))
"""
    assert int(python(code, *EXTRAS, *DEVELOPMENT)) > 10


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_package(wheel):
    """Migrations, templates and `py.typed` too, and nothing else but its own metadata."""
    ours = {
        str(path.relative_to(SRC))
        for path in (SRC / "askance").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == ours
    assert "askance/py.typed" in shipped


def test_the_wheel_carries_the_licence_and_the_command(wheel):
    names = wheel.namelist()
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    (entry_points,) = [name for name in names if name.endswith("/entry_points.txt")]
    assert "askance = askance.cli.main:" in wheel.read(entry_points).decode()
