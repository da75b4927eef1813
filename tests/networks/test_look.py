"""How a model looks at images: one number or three, and what was before stays to the bit."""

import json
from hashlib import sha256

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from askance.networks.checkpoint import load, save
from askance.networks.features import fingerprint
from askance.networks.model import build
from askance.networks.pixels import Normalisation
from askance.training.devices import fabric_of
from askance.vocab.config import ModelConfig, TrainConfig

OLD = {"name": "mobilenetv2_100", "weights": "w.safetensors", "mean": 0, "std": 1, "size": 160}
OLD_DUMP = (
    '{"name": "mobilenetv2_100", "head": "bayesian", "weights": "w.safetensors", "size": 160, "channels": 3, '
    '"fit": "stretch", "mean": 0.0, "std": 1.0, "dropout": 0.5, "hidden": 0, "posterior": "mc-dropout", '
    '"members": 5, "prior": "folds", "options": {"pad_type": "same"}, "train": null}'
)
RGB = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def test_settings_of_before_say_what_they_said():
    """Taken before three numbers were allowed: rounds, simulations and caches of features are found by these."""
    model = ModelConfig(**OLD, options={"pad_type": "same"})
    assert json.dumps(model.model_dump(mode="json")) == OLD_DUMP
    assert ModelConfig(**json.loads(OLD_DUMP)) == model
    trunk = nn.Linear(2, 2)
    with torch.no_grad():
        trunk.weight.fill_(1.0)
        trunk.bias.fill_(2.0)
    fabric = fabric_of(TrainConfig(device="cpu"))
    assert fingerprint(trunk, model, fabric) == "306fee20a0da95e938c7e20d70e81797"
    assert fingerprint(trunk, ModelConfig(), fabric) == "7323a121cb73ade1087a70af3a3f25a3"
    assert fingerprint(trunk, ModelConfig(**RGB), fabric) != fingerprint(trunk, ModelConfig(), fabric)


def test_pixels_of_before_are_what_they_were():
    pixels = torch.arange(0, 48, dtype=torch.uint8).reshape(1, 3, 4, 4) * 5
    seen = Normalisation(0.1307, 0.3081)(pixels).contiguous()
    assert sha256(seen.numpy().tobytes()).hexdigest().startswith("8736a09b9932b070")


def test_three_numbers_are_of_red_green_and_blue():
    pixels = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    pixels[:, 1] = 255
    seen = Normalisation(**RGB)(pixels)
    for channel, value in enumerate((-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225)):
        assert torch.allclose(seen[0, channel], torch.full((2, 2), value))
    same = Normalisation((0.5, 0.5, 0.5), 0.25)(pixels)
    assert torch.allclose(same, Normalisation(0.5, 0.25)(pixels))


@pytest.mark.parametrize(
    "wrong",
    [
        {"std": 0},
        {"std": (0.2, 0.2, 0.0)},
        {"mean": (0.1, 0.2)},
        {"mean": (0.1, 0.2, 0.3), "channels": 1},
        {"std": (0.1, 0.2, 0.3), "channels": 1},
    ],
)
def test_what_is_no_look_is_refused(wrong):
    with pytest.raises(ValidationError):
        ModelConfig(**wrong)


def test_a_model_that_looks_with_three_numbers_is_saved_and_read(tmp_path):
    config = ModelConfig(size=8, **RGB)
    save(build(config, 2, 0), config, ("a", "b"), tmp_path / "m.safetensors")
    load(tmp_path / "m.safetensors", config, ("a", "b"))
