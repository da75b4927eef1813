"""A frozen trunk is not built where its features are known, and never taken for another one."""

import os
import shutil

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from askance.networks import trunks
from askance.networks.drawing import tensors_of
from askance.networks.model import build_trunk
from askance.networks.trunks import KnownTrunk, given_trunk, made_from, stays
from askance.vocab import Labelled
from askance.vocab.config import ModelConfig
from tests.hub import keep

NONE = Labelled((), ())


def weights(path, seed=7, **changes):
    """A file of weights for a small gal-cnn, and the settings that name it."""
    config = ModelConfig(**{"size": 8, "channels": 1, **changes})
    save_file({name: one.contiguous() for name, one in build_trunk(config, seed).state_dict().items()}, path)
    return config.model_copy(update={"weights": str(path)})


@pytest.fixture
def builds(monkeypatch):
    """How many networks have been built."""
    made, real = [], trunks.build_trunk

    def counted(config, seed):
        made.append(config)
        return real(config, seed)

    monkeypatch.setattr(trunks, "build_trunk", counted)
    return made


class TestKnownTrunk:
    def test_it_is_the_network_to_the_bit(self, tmp_path):
        config = weights(tmp_path / "w")
        built, width = given_trunk(config, tmp_path)
        known, again = given_trunk(config, tmp_path)
        assert not isinstance(built, KnownTrunk)
        assert isinstance(known, KnownTrunk)
        assert width == again
        state, other = built.state_dict(), known.state_dict()
        assert set(state) == set(other)
        assert all(torch.equal(state[name], other[name]) for name in state)
        images = torch.rand(3, 1, 8, 8).to(memory_format=torch.channels_last)
        built.to(memory_format=torch.channels_last).eval()
        with torch.inference_mode():
            assert torch.equal(built(images), known(images))
        net = nn.ModuleDict({"trunk": known})
        assert {name.removeprefix("trunk.") for name in net.state_dict()} == set(state)

    def test_only_an_image_builds_it(self, tmp_path, builds):
        config = weights(tmp_path / "w")
        given_trunk(config, tmp_path)
        builds.clear()
        known, _ = given_trunk(config, tmp_path)
        known.to("cpu").eval().state_dict()
        assert builds == []
        known(torch.rand(1, 1, 8, 8))
        known(torch.rand(1, 1, 8, 8))
        assert len(builds) == 1

    def test_given_other_tensors_it_is_another_network(self, tmp_path):
        given_trunk(weights(tmp_path / "w"), tmp_path)
        known, _ = given_trunk(weights(tmp_path / "w"), tmp_path)
        images = torch.rand(1, 1, 8, 8)
        before = known(images)
        known.load_state_dict({name: one + 1 for name, one in known.state_dict().items()})
        assert not torch.equal(known(images), before)


class TestTheName:
    def test_other_weights_of_the_same_size_at_the_same_time(self, tmp_path):
        path = tmp_path / "w"
        config = weights(path, seed=1)
        first, stat = made_from(config), path.stat()
        kept, _ = given_trunk(config, tmp_path)
        weights(path, seed=2)

        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert path.stat().st_size == stat.st_size
        assert made_from(config) != first
        found, _ = given_trunk(config, tmp_path)
        expected = load_file(path)
        assert all(torch.equal(one, expected[name]) for name, one in found.state_dict().items())
        assert not torch.equal(found.state_dict()["0.weight"], kept.state_dict()["0.weight"])

    def test_the_same_weights_elsewhere_are_the_same(self, tmp_path):
        config = weights(tmp_path / "w")
        shutil.copy(tmp_path / "w", tmp_path / "v")
        assert made_from(config.model_copy(update={"weights": str(tmp_path / "v")})) == made_from(config)

    @pytest.mark.parametrize(
        "other",
        [{"size": 9}, {"channels": 3}, {"options": {"a": 1}}, {"name": "gal"}, {"weights": "pretrained"}],
    )
    def test_every_setting_that_makes_a_network_counts(self, tmp_path, other):
        config = weights(tmp_path / "w")
        assert made_from(config.model_copy(update=other)) != made_from(config)

    def test_pretrained_weights_are_those_in_the_cache_and_without_it_the_last(
        self, tmp_path, monkeypatch, builds
    ):
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        config, path = ModelConfig(name="mobilenetv2_100.ra_in1k", weights="pretrained", size=32), tmp_path / "w"
        without, found = made_from(config), []
        for seed in (1, 2):
            blank = config.model_copy(update={"weights": None})
            state = timm.create_model(config.name, pretrained=False).state_dict()
            save_file(state | build_trunk(blank, seed).state_dict(), path)
            keep(tmp_path / "hub", "timm/mobilenetv2_100.ra_in1k", path)
            given_trunk(config, tmp_path)
            found.append(made_from(config))
        assert len({without, *found}) == 3
        (tmp_path / "hub").rename(tmp_path / "moved")
        builds.clear()
        trunk, _ = given_trunk(config, tmp_path)
        assert builds == []
        expected = load_file(path)
        assert all(torch.equal(one, expected[name]) for name, one in trunk.state_dict().items())

    def test_a_trunk_that_an_earlier_version_kept_serves_without_the_cache(self, tmp_path, monkeypatch, builds):
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        config = ModelConfig(name="mobilenetv2_100.ra_in1k", weights="pretrained", size=32)
        trunks._write(tmp_path / "trunks" / f"{made_from(config)}.safetensors", nn.Linear(2, 3), 3)
        trunk, width = given_trunk(config, tmp_path)
        assert (builds, width, set(trunk.state_dict())) == ([], 3, {"weight", "bias"})

    @pytest.mark.parametrize("library", trunks.LIBRARIES)
    def test_the_version_of_each_library_counts(self, tmp_path, monkeypatch, library):
        config = weights(tmp_path / "w")
        first, real = made_from(config), trunks.version
        monkeypatch.setattr(trunks, "version", lambda name: "0.0.1" if name == library else real(name))
        assert made_from(config) != first

    def test_a_damaged_file_is_not_used(self, tmp_path, builds):
        config = weights(tmp_path / "w")
        given_trunk(config, tmp_path)
        (file,) = (tmp_path / "trunks").glob("*.safetensors")
        whole = file.read_bytes()
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:100], b""):
            file.write_bytes(damaged)
            builds.clear()
            found, _ = given_trunk(config, tmp_path)
            assert len(builds) == 1
            assert not isinstance(found, KnownTrunk)
            assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"weights": "w"}, True),
        ({"weights": "w", "train": "all"}, False),
        ({"weights": "w", "name": "pixels"}, False),
        ({"weights": "w", "name": "resnet18", "head": "own"}, False),
        ({"weights": "w", "name": "mine:net"}, False),
        ({"train": "head"}, True),
        ({}, False),
    ],
)
def test_which_trunks_stay(settings, expected):
    assert stays(ModelConfig(**settings)) == expected


class TestARound:
    """Fit, save, load, draw: the second task finds everything and builds nothing."""

    def task(self, world, tmp_path, config, **changes):
        model = {"weights": config.weights, **changes}
        return world.task(model=model, train={"max_steps": 40}, features=tmp_path / "features")

    def round(self, world, task, path):
        fitted = task.fit(world.labelled(*range(20)), world.labelled(*range(20, 30)), warm=None, seed=3)
        task.save(fitted.model, path)
        model = task.load(path)
        draws = [chunk.units.draws.log_probs for chunk in task.draws(model, world.ids, k=5, seed=1)]
        return fitted.model, torch.cat(draws)

    @pytest.mark.parametrize("posterior", ["mc-dropout", "laplace", "ensemble"])
    def test_a_built_trunk_and_a_known_one_write_the_same_bytes(self, world, tmp_path, builds, posterior):
        config = weights(tmp_path / "w")
        found = []
        for name in ("built", "known"):
            builds.clear()
            model, draws = self.round(
                world, self.task(world, tmp_path, config, posterior=posterior), tmp_path / name
            )
            found.append((tensors_of(model), draws, len(builds)))
        assert [n > 0 for _, _, n in found] == [True, False]
        assert (tmp_path / "built").read_bytes() == (tmp_path / "known").read_bytes()
        assert torch.equal(found[0][1], found[1][1])

    def test_a_new_image_builds_the_trunk_and_gets_the_same_features(self, world, tmp_path, builds):
        config = weights(tmp_path / "w")
        task = self.task(world, tmp_path, config)
        model, _ = self.round(world, task, tmp_path / "m")
        (cache,) = (path for path in (tmp_path / "features").iterdir() if path.name != "trunks")
        expected = torch.cat([one.rows for one in task.features(model, world.ids)])
        shutil.rmtree(cache)
        builds.clear()
        task = self.task(world, tmp_path, config)
        found = torch.cat([one.rows for one in task.features(task.load(tmp_path / "m"), world.ids)])
        assert len(builds) == 1
        assert torch.equal(found, expected)

    def test_other_weights_in_the_same_place_are_not_answered_from_the_cache(self, world, tmp_path):
        path = tmp_path / "w"
        config, found = weights(path, seed=1), []
        for seed in (1, 2, 1):
            weights(path, seed=seed)
            model, draws = self.round(world, self.task(world, tmp_path, config), tmp_path / "m")
            expected = build_trunk(config, 0)(world_images(world))
            said = torch.cat([one.rows for one in self.task(world, tmp_path, config).features(model, world.ids)])
            assert torch.allclose(said, expected, atol=1e-2)
            found.append(draws)
        assert torch.equal(found[0], found[2])
        assert not torch.equal(found[0], found[1])


def world_images(world):
    """Every image as the trunk takes it."""
    return (torch.from_numpy(world.pixels).float() / 255 - 0.5) / 0.5
