"""`askance init`, `models` and `doctor`, as a person types them on the first day."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from askance.cli.main import app
from askance.cli.show import console
from askance.networks import DEFAULT, LISTED, listed
from askance.session import Session
from askance.vocab import ConfigError, PoolError
from tests.hub import keep


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "_width", 250)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "photos").mkdir()
    generator = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(generator.integers(0, 256, (80, 80, 3), dtype=np.uint8)).save(tmp_path / f"photos/{i}.png")
    return tmp_path


def run(*arguments, fails=False):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if fails:
        assert result.exit_code != 0, result.output
        return result
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def test_a_folder_of_images_is_all_that_init_wants(place):
    said = run("init", "photos")
    assert "4 images in 4 files, 0 quarantined" in said
    assert f"network: {DEFAULT.name} at 224 x 224 pixels, weights pretrained, Apache-2.0, frozen" in said
    assert f"hf download {DEFAULT.file.repo} model.safetensors" in said
    assert said.splitlines()[-1] == "next: askance pick"
    with Session.open(place) as session:
        assert session.project.root == place / "photos-askance"
        assert session.config.pool.source == "../photos"


def test_the_project_goes_where_it_is_sent_and_the_old_form_goes_on(place):
    said = run("init", "photos/", "--project", "here")
    assert (place / "here" / "askance.toml").exists()
    assert said.splitlines()[-1] == "next: askance pick"
    assert run("init", "there", "--pool", "photos").splitlines()[-1] == "next: askance pick -p there"
    assert (place / "there" / "askance.toml").exists()
    wrong = run("init", "a", "--pool", "photos", "--project", "b", fails=True).exception
    assert isinstance(wrong, ConfigError)
    assert "one folder for the project" in wrong.wanted


def test_init_on_a_project_says_what_it_is(place):
    run("init", "photos")
    wrong = run("init", "photos-askance", fails=True).exception
    assert "which is a project already" in wrong.got
    again = run("init", "photos", fails=True).exception
    assert "is a project already" in again.got


def test_a_folder_that_is_not_there_or_has_no_image_leaves_nothing(place):
    (place / "empty").mkdir()
    for name in ("nowhere", "empty"):
        assert isinstance(run("init", name, fails=True).exception, PoolError)
        assert not (place / f"{name}-askance").exists()


def test_files_that_cannot_be_read_point_to_scan_and_one_image_is_said(place):
    for i in range(1, 4):
        (place / f"photos/{i}.png").write_bytes(b"no image")
    said = run("init", "photos")
    assert "1 images in 4 files, 3 quarantined" in said
    assert "(askance scan says which and why)" in said
    assert "nothing to choose from" in said


def test_the_list_of_models_says_what_is_here_and_starts_no_torch(place, tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1)}, tmp_path / "w")
    keep(tmp_path / "hub", listed("mobilenetv2_100").file.repo, tmp_path / "w")
    lines = run("models").splitlines()
    for one in LISTED:
        line = next(line for line in lines if line.startswith(one.name))
        assert one.licence in line
        assert line.rstrip().endswith("yes") == (one.name == "mobilenetv2_100.ra_in1k")
    code = "import sys; from askance.cli.main import app\ntry:\n app(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'timm', 'torchvision', 'huggingface_hub', 'transformers'} & set(sys.modules)))"
    for arguments in (["models"], ["init", "photos"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def mobilenet(place, shared_data):
    """The real weights, laid where the hub's library would have put them."""
    keep(
        place / "hub", "timm/mobilenetv2_100.ra_in1k", shared_data / "weights/mobilenetv2_100_imagenet.safetensors"
    )


def test_doctor_loads_what_train_will_load(place, mobilenet):
    said = run("init", "photos", "--size", 32)
    assert "mobilenetv2_100.ra_in1k is in the cache and is taken in its place" in said
    said = run("doctor")
    assert "weights: timm/mobilenetv2_100.ra_in1k of the hub (" in said
    assert "the project is sound" in said
    (place / "hub").rename(place / "moved")
    gone = run("doctor", fails=True)
    assert "hf download timm/mobilenetv2_100.ra_in1k model.safetensors" in gone.output
    assert "the project is sound" not in gone.output


def test_doctor_finds_weights_of_another_network_and_a_file_that_is_gone(place, shared_data):
    weights = (shared_data / "weights/mobilenetv2_100_imagenet.safetensors").resolve()
    run("init", "photos", "--model", "resnet18", "--weights", weights, "--size", 32)
    wrong = run("doctor", fails=True)
    assert "not [64]" in wrong.output
    settings = place / "photos-askance" / "askance.toml"
    settings.write_text(settings.read_text().replace(str(weights), "gone.safetensors"))
    assert "gone.safetensors, which is not there" in run("doctor", fails=True).output
