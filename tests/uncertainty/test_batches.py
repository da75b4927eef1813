"""Images as people have them: the same draws from a tensor, an array, a list, a data set and any loader."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

import askance as ak
from askance.vocab import ModelError

N = 11
IMAGES = torch.rand(N, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class Named(Dataset):
    """Dicts, as transformers' data sets give them."""

    def __len__(self):
        return N

    def __getitem__(self, i):
        return {"pixel_values": IMAGES[i], "labels": i}


class Told(nn.Module):
    """Its logits are in a dict, or a tuple."""

    def __init__(self, net, wrap):
        super().__init__()
        self.net, self.wrap = net, wrap

    def forward(self, images):
        return self.wrap(self.net(images))


def net(head_alone=True):
    torch.manual_seed(0)
    early = [] if head_alone else [nn.Dropout2d(0.3)]
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), *early, nn.Flatten(), nn.Linear(64, 8), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(8, 3))


SOURCES = {
    "array": IMAGES.numpy().astype(np.float64),  # numpy's own width
    "backwards": IMAGES.numpy()[::-1].copy()[::-1],  # an array that torch cannot share
    "list of arrays": list(IMAGES.numpy()),
    "list of tensors": list(IMAGES),
    "data set": TensorDataset(IMAGES, torch.zeros(N)),
    "batches by a generator": lambda: (part for part in IMAGES.split(4)),
    "loader of ones": DataLoader(TensorDataset(IMAGES), batch_size=1),
    "loader of threes": DataLoader([(image, 0) for image in IMAGES], batch_size=3),
    "loader of all": DataLoader(list(IMAGES), batch_size=N, drop_last=True),  # which leaves nothing out
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("head_alone", [True, False])
def test_the_same_draws_whatever_the_images_come_in(name, head_alone):
    model = net(head_alone)
    images = SOURCES[name]
    wanted = ak.mc_dropout(model, IMAGES, k=5, seed=3, batch=4)
    found = ak.mc_dropout(model, images() if callable(images) else images, k=5, seed=3, batch=4)
    assert found.joint
    assert torch.equal(found.log_probs, wanted.log_probs)  # to the bit: a loader's batches are cut anew
    members = [net(), nn.Sequential(nn.Flatten(), nn.Linear(36, 3))]
    several = ak.ensemble_draws(members, images() if callable(images) else images, batch=4)
    assert torch.equal(several.log_probs, ak.ensemble_draws(members, IMAGES, batch=4).log_probs)


def test_a_cut_network_takes_them_too():
    model = ak.SplitNet(nn.Flatten(), nn.Sequential(nn.Dropout(0.5), nn.Linear(36, 3)))
    wanted = ak.mc_dropout(model, IMAGES, k=4, seed=0)
    assert torch.equal(ak.mc_dropout(model, SOURCES["loader of threes"], k=4, seed=0).log_probs, wanted.log_probs)


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_dicts_have_a_key_and_any_batch_size(size):
    loader = DataLoader(Named(), batch_size=size)
    found = ak.mc_dropout(net(), loader, k=5, seed=3, key="pixel_values")
    assert torch.equal(found.log_probs, ak.mc_dropout(net(), IMAGES, k=5, seed=3).log_probs)
    with pytest.raises(ModelError, match=r"pixel_values, labels[\s\S]*key='pixel_values'"):
        ak.mc_dropout(net(), loader, k=5, seed=3)
    with pytest.raises(ModelError, match="leave key out"):
        ak.mc_dropout(net(), SOURCES["loader of ones"], k=5, seed=3, key="image")


@pytest.mark.parametrize(
    ("wrap", "read", "fix"),
    [
        (lambda logits: {"out": logits, "aux": 0}, lambda output: output["out"], r"output\['out'\]"),
        (lambda logits: (logits, 0), lambda output: output[0], r"output\[0\]"),
    ],
    ids=["dict", "tuple"],
)
def test_what_the_message_says_of_read_works(wrap, read, fix):
    model = Told(net(), wrap)
    with pytest.raises(ModelError, match=f"read=lambda output: {fix}"):
        ak.mc_dropout(model, IMAGES, k=5, seed=3)
    found = ak.mc_dropout(model, IMAGES, k=5, seed=3, read=read)
    plain = Told(net(), lambda logits: logits)  # masks belong to the names of layers
    torch.testing.assert_close(found.log_probs, ak.mc_dropout(plain, IMAGES, k=5, seed=3).log_probs)
    assert ak.ensemble_draws([model], IMAGES, read=read).k == 1
    with pytest.raises(ModelError, match=r"to find the logits[\s\S]*change read"):
        ak.mc_dropout(model, IMAGES, k=5, seed=3, read=lambda output: output["nowhere"])
    with pytest.raises(ModelError, match=r"logits \[N, C\] from read"):
        ak.mc_dropout(model, IMAGES, k=5, seed=3, read=lambda output: torch.zeros(3))


class Pictures(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return Image.new("L", (6, 6)), 0


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (DataLoader(list(IMAGES), shuffle=True), "shuffle=False"),
        (DataLoader(list(IMAGES), sampler=SubsetRandomSampler([3, 1])), "SubsetRandomSampler"),
        (DataLoader(list(IMAGES), batch_size=4, drop_last=True), "leaves out the last 3"),
        (Pictures(), "ToTensor"),
        ([np.zeros((1, 6, 6)), np.zeros((1, 7, 6))], "one shape"),
        ([IMAGES[0], torch.zeros(1, 7, 6)], r"\[1, 6, 6\], \[1, 7, 6\]"),
        (["a.jpg", "b.jpg"], "images"),
        (torch.zeros(0, 1, 6, 6), "none"),
        (DataLoader([]), "none"),
        ((part for part in (IMAGES[:2], torch.zeros(2, 1, 7, 7))), r"\[1, 7, 7\]"),
        ((IMAGES.numpy() * 255).astype(np.uint8), "of torch.uint8"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(images, why):
    with pytest.raises(ModelError, match=why):
        ak.mc_dropout(net(), images, k=3, seed=0)


def test_a_model_without_its_weights_is_refused_in_words():
    with pytest.raises(ModelError, match="meta device"):
        ak.mc_dropout(net().to("meta"), IMAGES, k=3, seed=0)


def test_things_of_another_kind_are_refused_in_words_too():
    """In a process of its own: here each call is checked for its types before it is made."""
    code = """
import numpy as np, torch, askance as ak
draws = ak.Draws.from_logits(torch.zeros(2, 3, 4), joint=True)
net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 3))
for wrong in (
    lambda: ak.mc_dropout(lambda images: images, torch.zeros(2, 4), k=3, seed=0),
    lambda: ak.mc_dropout(net, 7, k=3, seed=0),
    lambda: ak.score("bald", draws=torch.zeros(2, 3, 4)),
    lambda: ak.score("epig", draws=draws, targets=np.zeros(3)),
    lambda: ak.select("batchbald", draws=np.zeros((2, 3, 4)), n=1, seed=0),
    lambda: ak.Draws(np.zeros((2, 3, 4)), joint=True),
):
    try:
        wrong()
    except ak.AskanceError as error:
        print(error.got, "|", error.fix)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    wanted = [
        ("a function", "predict_proba"),
        ("a int", "stack"),
        ("a Tensor of shape [2, 3, 4]", "from_probs"),
        ("a ndarray of shape [3]", "from_probs"),
        ("a ndarray", "from_probs"),
        ("ndarray", "from_logits"),
    ]
    assert len(said) == len(wanted), done.stdout + done.stderr
    for line, (got, fix) in zip(said, wanted, strict=True):
        assert line.startswith(got)
        assert fix in line.partition("|")[2]
