"""Pretrained weights: from each library's own cache, matched layer by layer, told apart when they are wrong."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from askance.networks import LISTED, cached, has_library_weights, listed
from askance.networks.looks import look_of
from askance.networks.model import build, moves_of
from askance.networks.weights import fetch, given, is_here
from askance.vocab import ModelError, WeightsMissing
from askance.vocab.config import ModelConfig
from tests.hub import keep

MOBILENET = {"name": "mobilenetv2_100", "size": 32, "weights": "pretrained"}
REPO = "timm/mobilenetv2_100.ra_in1k"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "torch"))
    return tmp_path / "hub"


@pytest.fixture(scope="session")
def mobilenet(tmp_path_factory):
    """A file as timm has it on the hub: a whole classifier of ImageNet's thousand classes."""
    import timm

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("timm") / "model.safetensors"
    save_file(timm.create_model("mobilenetv2_100").state_dict(), path)
    return path


class TestTimm:
    def test_weights_come_from_the_hubs_cache_and_only_the_head_moves(self, cache, mobilenet):
        keep(cache, REPO, mobilenet)
        config = ModelConfig(**MOBILENET)
        net = build(config, 3, seed=0)
        found = load_file(mobilenet)
        assert all(torch.equal(value, found[key]) for key, value in net.trunk.state_dict().items())
        assert moves_of(config, net) == "head"
        assert given(config).where.startswith(f"{REPO} of the hub (")
        assert fetch(config.name) == cached(listed(config.name).file)

    def test_none_is_random_on_purpose_and_all_of_it_moves(self, cache):
        config = ModelConfig(**{**MOBILENET, "weights": "none"})
        one, two = build(config, 3, seed=0), build(config.model_copy(update={"weights": None}), 3, seed=0)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
        assert moves_of(config, one) == "all"

    def test_without_them_nothing_random_takes_their_place(self, cache):
        assert not is_here("mobilenetv2_100")
        with pytest.raises(WeightsMissing, match=f"hf download {REPO} model.safetensors"):
            build(ModelConfig(**MOBILENET), 3, seed=0)

    def test_weights_of_another_network_are_named_layer_by_layer(self, cache, tmp_path):
        import timm

        save_file(timm.create_model("resnet18").state_dict(), tmp_path / "other")
        keep(cache, REPO, tmp_path / "other")
        with pytest.raises(ModelError, match=r"missing bn1.num|bn1.bias is \[64\], not \[32\]") as caught:
            build(ModelConfig(**MOBILENET), 3, seed=0)
        assert not isinstance(caught.value, WeightsMissing)
        assert REPO in caught.value.wanted

    def test_a_name_that_is_not_listed_is_looked_up_in_timms_own_records(self, cache):
        with pytest.raises(WeightsMissing, match=r"timm/resnet34.a1_in1k/model.safetensors"):
            given(ModelConfig(name="resnet34", weights="pretrained"))

    def test_a_tag_that_timm_does_not_have_names_those_it_has(self, cache):
        with pytest.raises(ModelError, match=r"resnet34\.a1_in1k or resnet34") as caught:
            given(ModelConfig(name="resnet34.nope", weights="pretrained"))
        assert not isinstance(caught.value, WeightsMissing)

    @pytest.mark.parametrize("name", ["gal-cnn", "pixels", "some.module:net"])
    def test_a_network_of_no_library_has_none(self, name):
        with pytest.raises(ModelError, match=r'model\.weights = "none"'):
            given(ModelConfig(name=name, weights="pretrained"))


class TestListed:
    def test_the_list_says_what_timms_records_say(self):
        import timm

        for one in LISTED:
            record = timm.models.get_pretrained_cfg(one.name)
            assert (record.hf_hub_id, record.license) == (one.file.repo, one.licence.lower()), one.name
            assert (record.mean, record.std) == (one.mean, one.std), one.name
            free = record.fixed_input_size is False or one.options.get("dynamic_img_size")
            assert free or record.input_size == (3, one.size, one.size), one.name
            bare = one.name.partition(".")[0]
            assert one.default == (timm.models.get_pretrained_cfg(bare).tag == one.name.partition(".")[2]), (
                one.name
            )

    def test_a_network_made_for_518_pixels_takes_224_with_the_same_weights(self):
        one = listed("vit_small_patch14_dinov2.lvd142m")
        small = {"depth": 1, **one.options}
        net = build(ModelConfig(name=one.name, size=one.size, options=small), 2, seed=0)
        assert net.trunk.state_dict()["pos_embed"].shape == (1, (518 // 14) ** 2 + 1, 384)
        assert net.n_features == 384


class TestTorchvision:
    NAME = "torchvision/resnet18"

    @pytest.fixture
    def file(self, cache, tmp_path, monkeypatch):
        """A classifier's file in torch's cache, under an address that has its hash."""
        import torchvision

        torch.manual_seed(0)
        torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "made")
        digest = hashlib.sha256((tmp_path / "made").read_bytes()).hexdigest()[:8]
        path = tmp_path / "torch" / "checkpoints" / f"resnet18-{digest}.pth"
        monkeypatch.setattr(
            "askance.networks.torch_hub.torchvision_place",
            lambda name: (path, f"https://download.pytorch.org/models/{path.name}"),
        )
        path.parent.mkdir(parents=True)
        path.write_bytes((tmp_path / "made").read_bytes())
        return path

    def test_weights_come_from_torchs_cache_after_their_hash_is_checked(self, file):
        net = build(ModelConfig(name=self.NAME, size=32, weights="pretrained"), 3, seed=0)
        found = torch.load(file, weights_only=True)
        assert torch.equal(net.trunk.state_dict()["conv1.weight"], found["conv1.weight"])

    @pytest.mark.parametrize(
        ("content", "said"), [(b"PK", "half a file or another one"), (b"<html>502</html>", "an error page")]
    )
    def test_another_file_under_that_name_is_never_opened(self, file, content, said):
        file.write_bytes(content)
        with pytest.raises(WeightsMissing, match=said):
            given(ModelConfig(name=self.NAME, weights="pretrained"))

    def test_without_it_the_address_and_the_place_are_said(self, file):
        file.unlink()
        with pytest.raises(WeightsMissing) as caught:
            given(ModelConfig(name=self.NAME, weights="pretrained"))
        first, second = caught.value.fix.splitlines()
        assert f"curl -O https://download.pytorch.org/models/{file.name}" in first
        assert str(file.parent) in second


class TestTransformers:
    NAME = "transformers/some/vit"

    @pytest.fixture
    def repository(self, cache, tmp_path):
        from transformers import AutoConfig, AutoModelForImageClassification

        torch.manual_seed(0)
        small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        config = AutoConfig.for_model("vit", image_size=32, num_labels=7, **small)
        model = AutoModelForImageClassification.from_config(config)
        model.save_pretrained(tmp_path / "made")
        look = {"size": {"height": 32, "width": 32}, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
        (tmp_path / "made" / "preprocessor_config.json").write_text(json.dumps(look))
        for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
            keep(cache, "some/vit", tmp_path / "made" / name, name)
        return model

    def test_a_repository_of_the_hub_is_a_name(self, repository):
        net = build(ModelConfig(name=self.NAME, size=32, weights="pretrained"), 3, seed=0)
        made = repository.state_dict()
        kept = net.trunk.model.state_dict()
        assert kept
        assert all(torch.equal(value, made[key]) for key, value in kept.items())
        assert look_of(self.NAME) == {"size": 32, "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}

    def test_layers_that_the_file_lacks_are_not_left_random(self, repository):
        with pytest.raises(ModelError, match=r"missing vit\.embeddings\.position_embeddings"):
            build(ModelConfig(name=self.NAME, size=48, weights="pretrained"), 3, seed=0)

    def test_a_repository_that_is_not_here_says_how_to_get_all_of_it(self, cache):
        with pytest.raises(WeightsMissing, match=r"hf download some/vit config.json preprocessor_config.json"):
            build(ModelConfig(name=self.NAME, size=32, weights="pretrained"), 3, seed=0)


class TestLooks:
    def test_libraries_say_how_their_networks_look_at_images(self):
        assert look_of("resnet34")["size"] == 224
        assert look_of("vit_base_patch16_384")["size"] == 384
        assert look_of("torchvision/inception_v3") == {
            "size": 299,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        }
        with pytest.raises(ModelError, match="did you mean resnet34"):
            look_of("resnet43")

    def test_ours_have_no_look_and_no_weights(self):
        for name in ("gal-cnn", "pixels", "m:f", "transformers/vit"):
            assert look_of(name) == {}
            assert not has_library_weights(name)
