"""What `init` chooses where nobody named a network, and what it writes."""

import numpy as np
import pytest
from PIL import Image

from askance.networks import DEFAULT, listed
from askance.session import Session
from askance.session.choosing import small_network_costs
from askance.studies.simulations import chosen_for, settings_for
from askance.vocab import ConfigError, ModelError, PoolError
from askance.vocab.config import ModelConfig
from tests.hub import keep


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


def pool(folder, side, *, colour, n=3, mode="RGB"):
    """A few images, of colour or of greys saved as `mode`."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for i in range(n):
        pixels = generator.integers(0, 256, (side, side, 3 if colour else 1), dtype=np.uint8)
        image = Image.fromarray(np.broadcast_to(pixels, (side, side, 3)).copy())
        image.convert(mode).save(folder / f"{i}.png")
    return str(folder)


def init(tmp_path, source, **model):
    settings = {"pool": {"source": source}, **({"model": model} if model else {})}
    session, _, _ = Session.init(tmp_path / "project", settings)
    session.project.close()
    with Session.open(tmp_path / "project") as again:  # what counts is what was written
        return again.config.model, session.notes


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_small_grey_images_get_the_small_network_at_their_own_size(tmp_path, cache, mode):
    model, notes = init(tmp_path, pool(tmp_path / "pool", 28, colour=False, mode=mode))
    assert (model.name, model.size, model.channels, model.weights) == ("gal-cnn", 28, 1, "none")
    assert notes == ()


@pytest.mark.parametrize(("side", "colour"), [(28, True), (65, False)])
def test_all_others_get_the_default_for_photographs(tmp_path, cache, side, colour):
    model, notes = init(tmp_path, pool(tmp_path / "pool", side, colour=colour))
    assert (model.name, model.weights, model.size) == (DEFAULT.name, "pretrained", 224)
    assert (model.mean, model.std, model.options) == (DEFAULT.mean, DEFAULT.std, DEFAULT.options)
    assert len(notes) == 1
    assert f"hf download {DEFAULT.file.repo} model.safetensors" in notes[0]
    assert "the first batch is random" in notes[0]


def test_the_defaults_weights_in_the_cache_need_no_word(tmp_path, cache, file):
    keep(cache, DEFAULT.file.repo, file)
    model, notes = init(tmp_path, pool(tmp_path / "pool", 65, colour=True))
    assert (model.name, notes) == (DEFAULT.name, ())


@pytest.fixture
def file(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1)}, tmp_path / "file")
    return tmp_path / "file"


def test_the_best_network_in_the_cache_stands_in_for_the_default(tmp_path, cache, file):
    for name in ("resnet18", "mobilenetv2_100", "vit_base_patch14_dinov2"):
        keep(cache, listed(name).file.repo, file)
    model, notes = init(tmp_path, pool(tmp_path / "pool", 65, colour=True))
    assert (model.name, model.weights) == ("mobilenetv2_100.ra_in1k", "pretrained")
    assert len(notes) == 1
    assert "is taken in its place" in notes[0]


def test_what_somebody_set_stays(tmp_path, cache):
    source = pool(tmp_path / "pool", 65, colour=True)
    model, _ = init(tmp_path, source, size=112, mean=0.4, options={"drop_rate": 0.1})
    assert (model.name, model.size, model.mean, model.std) == (DEFAULT.name, 112, 0.4, DEFAULT.std)
    assert model.options == {"drop_rate": 0.1, "dynamic_img_size": True}


def test_another_size_of_a_network_with_learnt_places_stretches_them(tmp_path, cache):
    model, _ = init(
        tmp_path, pool(tmp_path / "pool", 65, colour=True), name="vit_small_patch16_224.dino", size=112
    )
    assert (model.size, model.options) == (112, {"dynamic_img_size": True})


def test_random_weights_on_purpose(tmp_path, cache):
    model, notes = init(tmp_path, pool(tmp_path / "pool", 65, colour=True), name="mobilenetv2_100", weights="none")
    assert (model.weights, model.mean, notes) == ("none", listed("mobilenetv2_100").mean, ())


def test_the_small_network_on_photographs_says_what_it_costs(tmp_path, cache):
    model, notes = init(tmp_path, pool(tmp_path / "pool", 65, colour=True), name="gal-cnn")
    assert (model.size, model.weights) == (224, "none")
    assert "49 million weights" in notes[0]
    assert DEFAULT.name in notes[0]
    assert small_network_costs(ModelConfig(size=28, channels=1)) is None
    assert "have colour" in small_network_costs(ModelConfig(size=28, channels=3))
    assert small_network_costs(ModelConfig(name="resnet18")) is None


def test_a_name_that_nobody_knows_is_said_before_anything_is_made(tmp_path, cache):
    source = pool(tmp_path / "pool", 28, colour=False)
    with pytest.raises(ModelError, match="did you mean resnet18"):
        init(tmp_path, source, name="resnet1b")
    assert not (tmp_path / "project").exists()


def test_the_small_network_has_no_pretrained_weights(tmp_path, cache):
    with pytest.raises(ModelError, match=r'model\.weights = "none"'):
        init(tmp_path, pool(tmp_path / "pool", 28, colour=False), name="gal-cnn", weights="pretrained")


def test_a_folder_without_images_leaves_no_half_made_project(tmp_path, cache):
    (tmp_path / "pool").mkdir()
    with pytest.raises(PoolError, match="which has none"):
        init(tmp_path, str(tmp_path / "pool"))
    assert not (tmp_path / "project").exists()


def test_a_project_that_is_there_stays(tmp_path, cache):
    source = pool(tmp_path / "pool", 28, colour=False)
    init(tmp_path, source)
    with pytest.raises(ConfigError, match="is a project already"):
        init(tmp_path, source)


def test_a_network_that_is_taken_as_it_is_is_picked_from_by_draws(tmp_path, cache):
    source = pool(tmp_path / "photos", 80, colour=True)
    model = {"name": "torchvision/vgg16", "head": "own", "weights": "none"}
    for given, due in (({}, ("bald", "power")), ({"selection": "badge"}, ("margin", "badge"))):
        root = tmp_path / f"project-{len(given)}"
        session, *_ = Session.init(root, {"pool": {"source": source}, "model": model, "strategy": given})
        with session:
            strategy = session.config.strategy
            assert (strategy.acquisition, strategy.selection) == due
            assert any("power:bald" in note for note in session.notes) == (not given)


@pytest.mark.parametrize(("side", "colour"), [(28, False), (28, True), (65, False)])
def test_a_simulation_over_a_folder_takes_what_init_takes(tmp_path, cache, file, side, colour):
    keep(cache, DEFAULT.file.repo, file)
    source = pool(tmp_path / "pool", side, colour=colour)
    expected, _ = init(tmp_path, source)
    model, _, notes = chosen_for(source, {})
    assert model == expected
    words = f"network: {model.name} at {model.size} x {model.size} pixels, weights {model.weights}"
    assert notes == (words,)


def test_a_named_network_of_a_simulation_is_pretrained_where_nothing_else_is_said(tmp_path, cache):
    source = pool(tmp_path / "pool", 65, colour=True)
    model, train, notes = chosen_for(source, {"model": {"name": DEFAULT.name}, "train": {"max_steps": 30}})
    assert (model.weights, model.mean, train.max_steps) == ("pretrained", DEFAULT.mean, 30)
    assert f"hf download {DEFAULT.file.repo} model.safetensors" in notes[1]
    model, _, notes = chosen_for(source, {"model": {"name": DEFAULT.name, "weights": "none"}})
    assert (model.weights, len(notes)) == ("none", 1)
    assert chosen_for("digits", {"model": {"hidden": 5}}) == (
        *settings_for("digits", {"model": {"hidden": 5}}),
        (),
    )
