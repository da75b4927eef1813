"""No file of the repository breaks a rule of tools/rules.py, and each rule finds what it is for."""

import subprocess

import pytest

import askance
from tools import rules

SOURCES = rules.sources()


def committed() -> dict[str, str]:
    """Every text file git knows or would know, with its text."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=rules.ROOT, capture_output=True, text=True, check=False).stdout
    paths = {name: rules.ROOT / name for name in names.split("\0") if name}
    if not paths:
        pytest.skip("not a git checkout: there is no telling which files are the repository's")
    binary = {".png", ".jpg", ".jpeg", ".safetensors", ".parquet", ".gz", ".npy"}
    return {name: path.read_text() for name, path in paths.items() if path.is_file() and path.suffix not in binary}


def test_files_and_functions_are_short(record_property):
    record_property("over the aim", rules.too_long(SOURCES, hard=False))
    assert rules.too_long(SOURCES, hard=True) == []


def test_inheritance_is_one_level_deep():
    assert rules.deep_inheritance(SOURCES) == []


def test_nothing_is_unpickled():
    assert rules.unpickling(SOURCES) == []


def test_no_path_of_one_machine():
    assert rules.machine_paths(committed()) == []


@pytest.mark.parametrize("extra", [0, 1])
def test_the_length_of_a_function_is_counted_to_the_line(extra):
    body = "\n".join(["    x = 1"] * (rules.FUNCTION.hard - 1 + extra))
    found = rules.too_long({"a.py": f'def f():\n    """Doc\n    string."""\n{body}\n'}, hard=True)
    assert len(found) == extra


@pytest.mark.parametrize("extra", [0, 1])
def test_the_length_of_a_file_is_counted_to_the_line(extra):
    assert len(rules.too_long({"a.py": "x = 1\n" * (rules.FILE.hard + extra)}, hard=True)) == extra


def test_methods_are_counted_too():
    body = "        x = 1\n" * rules.FUNCTION.hard
    assert len(rules.too_long({"a.py": f"class A:\n    async def f():\n{body}"}, hard=True)) == 1


def test_a_grandchild_is_found_across_files_and_through_type_arguments():
    files = {"a.py": "class A: ...", "b.py": "import a\nclass B(a.A[int]): ...", "c.py": "class C(B): ..."}
    assert len(rules.deep_inheritance(files)) == 1
    del files["c.py"]
    assert rules.deep_inheritance(files) == []


@pytest.mark.parametrize(
    ("path", "call", "found"),
    [
        ("src/askance/networks/torch_hub.py", "torch.load(p, weights_only=True)", 0),
        ("src/askance/networks/torch_hub.py", "torch.load(p, weights_only=False)", 1),
        ("src/askance/networks/torch_hub.py", "torch.load(p, weights_only=w)", 1),
        ("src/askance/networks/torch_hub.py", "torch.load(p)", 1),
        ("src/askance/networks/model.py", "torch.load(p, weights_only=True)", 1),
    ],
)
def test_weights_alone_are_read_from_a_pickle_in_one_file(path, call, found):
    assert len(rules.unpickling({path: f"import torch\n{call}"})) == found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "from pickle import loads\nloads(b)",
        "import torch as t\nt.load(p, weights_only=True)",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import pandas as pd\npd.read_pickle(p)",
    ],
)
def test_unpickling_is_found(source):
    assert len(rules.unpickling({"a.py": source})) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.load(f)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
        "from safetensors.torch import load\nload(b)",
        "import pickle\npickle.dumps(x)",
    ],
)
def test_what_does_not_unpickle_passes(source):
    assert rules.unpickling({"a.py": source}) == []


@pytest.mark.parametrize(
    "start", ["/wo" + "rk/x", "/ho" + "me/x", "/ro" + "ot/x", "/Us" + "ers/x", "C:" + "\\Users"]
)
def test_a_machine_path_is_found(start):
    assert len(rules.machine_paths({"a.toml": f'source = "{start}"'})) == 1


def test_the_version_is_one_and_has_its_changes_written_down():
    assert f'\nversion = "{askance.__version__}"\n' in (rules.ROOT / "pyproject.toml").read_text()
    assert f"\n## {askance.__version__}" in (rules.ROOT / "CHANGELOG.md").read_text()
