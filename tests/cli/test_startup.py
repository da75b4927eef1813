"""What a command loads before its work: nothing heavy where there is nothing to compute."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from askance.session import Session
from askance.tasks.classification.model import build_trunk
from askance.vocab.config import ModelConfig

NETWORKS = {"timm", "torchvision", "transformers", "lightning_fabric", "torchmetrics"}
HEAVY = NETWORKS | {"torch", "matplotlib", "scipy", "sklearn", "pyarrow", "alembic", "pandas"}
COMPILER = {"torch._dynamo", "sympy"}
MODEL = {"name": "mobilenetv3_small_050", "size": 32}
_RUN = """
import json, sys
from askance.cli.main import main
said, sys.argv = sys.argv[1], ["askance", *sys.argv[2:]]
code = 0
try:
    main()
except SystemExit as stop:
    code = stop.code or 0
with open(said, "w") as file:
    json.dump([code, sorted(sys.modules)], file)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A project whose round is trained, and whose batch is picked; all features are cached."""
    folder = tmp_path_factory.mktemp("startup")
    pool, rng = folder / "pool", np.random.default_rng(0)
    pool.mkdir()
    for i in range(24):
        pixels = rng.integers(0, 90, (32, 32, 3)).astype(np.uint8)
        pixels[:, :, i % 3] += 120
        Image.fromarray(pixels).save(pool / f"{i:02d}-{'rgb'[i % 3]}.png")
    names = sorted(path.name for path in pool.iterdir())
    rows = [f"{name},{name[3]},{'test' if i > 11 else 'train'}" for i, name in enumerate(names[:15])]
    (folder / "start.csv").write_text("\n".join(["path,label,split", *rows]) + "\n")
    trunk = build_trunk(ModelConfig(**MODEL), 0)
    save_file({name: one.contiguous() for name, one in trunk.state_dict().items()}, folder / "weights.safetensors")
    settings = {
        "pool": {"source": str(pool)},
        "model": {**MODEL, "weights": str(folder / "weights.safetensors"), "train": "head"},
        "train": {"max_steps": 20, "min_steps": 5, "device": "cpu"},
        "strategy": {"draws": 5, "batch": 3},
    }
    session, _, _ = Session.init(folder / "project", settings, labels=folder / "start.csv")
    with session:
        session.train()
        picked = session.pick()
        images = session.project.store.images()
    answers = [Path(images[pick.image_id].uri).name for pick in picked.picks]
    (folder / "answers.csv").write_text("\n".join(["path,label", *(f"{a},{a[3]}" for a in answers)]) + "\n")
    return folder


def run(site, words):
    """What a command in a process of its own ends with, prints and has loaded."""
    said = site / "said.json"
    command = [sys.executable, "-c", _RUN, str(said), *words.format(s=site).split()]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=site, env=environment)
    assert said.exists(), done.stdout + done.stderr
    code, modules = json.loads(said.read_text())
    said.unlink()
    return code, done.stdout + done.stderr, set(modules)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("--help", 0, "Usage"),
        ("--version", 0, "askance"),
        ("status -p {s}/project", 0, "next:"),
        ("scan -p {s}/project", 0, ""),
        ("import {s}/start.csv -p {s}/project", 0, "15 as before"),
        ("export --csv {s}/batch.csv -p {s}/project", 0, "3 images"),
        ("train -p {s}/project", 0, "is trained on exactly these labels and settings already"),
        ("pick -p {s}/project", 0, "this batch had been picked already"),
        ("pick -n 3 -p {s}/project", 0, "this batch had been picked already"),
        ("pick -n -3 -p {s}/project", 1, "ask for -n 1 or more"),
        ("pick -n 0 -p {s}/project", 1, "ask for -n 1 or more"),
        ("pick --strategy bld -p {s}/project", 1, "did you mean bald?"),
        ("pick --strategy power:bld -p {s}/project", 1, "did you mean bald?"),
        ("pick --targets val -p {s}/project", 1, "--strategy epig"),
        ("pick --split test -n 2 -p {s}/project", 0, "joined the test set"),
        ("pick --split test -n -1 -p {s}/project", 1, "change -n or --split"),
        ("simulate --strategies nonsense --out {s}/sim", 1, "choose one of these names"),
        ("simulate --strategies bald,powr:bald --out {s}/sim", 1, "did you mean power?"),
        ("simulate --levels x --out {s}/sim", 1, "numbers, comma separated"),
        ("simulate --seeds 0 --out {s}/sim", 2, "--seeds"),
        ("simulate --data {s}/nowhere --out {s}/sim", 1, "check --data"),
        ("simulate --set model.nme=x --out {s}/sim", 1, "did you mean name?"),
        ("init {s}/other --pool {s}/pool --set model.nme=x", 1, "did you mean name?"),
        ("init {s}/other --pool {s}/pool", 0, "24 images"),
        ("train -p {s}/other", 1, "classes"),
    ],
)
def test_with_nothing_to_compute_nothing_heavy_is_loaded(site, words, code, says):
    found, text, modules = run(site, words)
    assert (found, says in text) == (code, True), text
    needed = {"alembic"} if words.startswith("init") and not code else set()  # a new database takes its steps
    needed |= {"pyarrow"} if words.startswith("scan") else set()
    assert HEAVY & modules <= needed


def test_labels_of_one_class_are_refused_at_once(site):
    rows = [f"{path.name},r" for path in sorted((site / "pool").glob("*-r.png"))]
    (site / "one.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    command = f"init {site}/single --pool {site}/pool --classes r,g --labels {site}/one.csv"
    assert run(site, command)[0] == 0
    code, text, modules = run(site, "train -p {s}/single")
    assert code == 1
    assert "8 training labels, all of r" in text
    assert not HEAVY & modules


def test_a_report_needs_no_torch(site):
    code, text, modules = run(site, "report --out {s}/report.html -p {s}/project")
    assert code == 0, text
    assert "torch" not in modules
    assert not (NETWORKS | COMPILER) & modules


def test_a_round_on_known_features_loads_no_network_and_no_compiler(site):
    """The last: it moves the project on."""
    assert run(site, "import {s}/answers.csv -p {s}/project")[0] == 0
    for words, says in (
        ("train -p {s}/project", "round 2: trained on 15"),
        ("pick -p {s}/project", "round 2: 3 of"),
    ):
        code, text, modules = run(site, words)
        assert code == 0, text
        assert says in text
        assert "torch" in modules
        assert not (NETWORKS | COMPILER | {"scipy", "matplotlib", "sklearn", "alembic"}) & modules
    assert torch.__version__  # the same as there
