"""What a command loads before its work: nothing heavy where there is nothing to compute."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from askance.networks.model import build_trunk
from askance.session import Session
from askance.vocab.config import ModelConfig

NETWORKS = {"timm", "torchvision", "transformers", "lightning_fabric", "torchmetrics"}
HEAVY = NETWORKS | {"torch", "matplotlib", "scipy", "sklearn", "pyarrow", "alembic", "pandas"}
COMPILER = {"torch._dynamo", "sympy"}
MODEL = {"name": "mobilenetv3_small_050", "size": 32}
_RUN = """
import contextlib, io, json, sys
from askance.cli.main import main
said = []
for words in json.load(sys.stdin):
    sys.argv, code, shown = ["askance", *words], 0, io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    said.append([code, shown.getvalue(), sorted(sys.modules)])
print(json.dumps(said))
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


def run(site, *commands):
    """What each of some commands in one fresh process ends with, prints, and has loaded by then."""
    words = json.dumps([command.format(s=site).split() for command in commands])
    environment = os.environ | {"COLUMNS": "200"}
    start = [sys.executable, "-c", _RUN]
    done = subprocess.run(
        start, input=words, capture_output=True, text=True, check=False, cwd=site, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [(code, text, set(modules)) for code, text, modules in json.loads(done.stdout.splitlines()[-1])]


LIGHT = [
    ("--help", 0, "Usage"),
    ("--version", 0, "askance"),
    ("pick --strategy bld -p {s}/project", 1, "did you mean bald?"),
    ("pick --strategy power:bld -p {s}/project", 1, "did you mean bald?"),
    ("simulate --strategies nonsense --out {s}/sim", 1, "choose one of these names"),
    ("simulate --strategies bald,powr:bald --out {s}/sim", 1, "did you mean power?"),
    ("simulate --levels x --out {s}/sim", 1, "numbers, comma separated"),
    ("simulate --seeds 0 --out {s}/sim", 2, "--seeds"),
    ("simulate --data {s}/nowhere --out {s}/sim", 1, "check --data"),
    ("simulate --set model.nme=x --out {s}/sim", 1, "did you mean name?"),
    ("init {s}/other --pool {s}/pool --set model.nme=x", 1, "did you mean name?"),
    ("status -p {s}/project", 0, "next:"),
    ("import {s}/start.csv -p {s}/project", 0, "15 as another person said"),
    ("export --csv {s}/batch.csv -p {s}/project", 0, "3 images"),
    ("train -p {s}/project", 0, "is trained on exactly these labels and settings already"),
    ("pick -p {s}/project", 0, "this batch had been picked already"),
    ("pick -n 3 -p {s}/project", 0, "this batch had been picked already"),
    ("pick -n -3 -p {s}/project", 1, "ask for -n 1 or more"),
    ("pick -n 0 -p {s}/project", 1, "ask for -n 1 or more"),
    ("pick --targets val -p {s}/project", 1, "--strategy epig"),
    ("pick --split test -n 2 -p {s}/project", 0, "joined the test set"),
    ("pick --split test -n -1 -p {s}/project", 1, "change -n or --split"),
    ("scan -p {s}/project", 0, "24"),
    ("init {s}/other --pool {s}/pool --classes r,g --labels {s}/one.csv", 0, "24 images"),
    ("train -p {s}/other", 1, "8 training labels, all of r"),
]


def test_with_nothing_to_compute_nothing_heavy_is_loaded(site):
    """The commands one after the other: what the first wrong one loads is seen at it."""
    rows = [f"{path.name},r" for path in sorted((site / "pool").glob("*-r.png"))]
    (site / "one.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    for (words, code, says), (found, text, modules) in zip(
        LIGHT, run(site, *(words for words, _, _ in LIGHT)), strict=True
    ):
        assert (words, found, says in text) == (words, code, True), text
        if words.startswith("init") and not code:
            continue
        loaded = HEAVY & modules - ({"alembic"} if words.endswith("other") else set())  # a new database took steps
        assert (words, loaded) == (words, set())


def test_a_report_needs_no_torch(site):
    ((code, text, modules),) = run(site, "report --out {s}/report.html -p {s}/project")
    assert code == 0, text
    assert "torch" not in modules
    assert not (NETWORKS | COMPILER) & modules


def test_a_round_on_known_features_loads_no_network_and_no_compiler(site):
    """The last: it moves the project on."""
    ((code, text, _),) = run(site, "import {s}/answers.csv -p {s}/project")
    assert code == 0, text
    says = ("round 2: trained on 15", "round 2: 3 of")
    done = run(site, "train -p {s}/project", "pick -p {s}/project")
    for said, (code, text, modules) in zip(says, done, strict=True):
        assert code == 0, text
        assert said in text
        assert "torch" in modules
        assert not (NETWORKS | COMPILER | {"scipy", "matplotlib", "sklearn", "alembic"}) & modules
