"""Several labels an image: from targets to metrics, against numbers made another way."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from askance.maths import Draws
from askance.pool import ArrayImages
from askance.tasks.classification import Classification
from askance.tasks.classification.explain_several import label_explanations
from askance.tasks.classification.label_answers import LabelAnswers
from askance.tasks.classification.label_metrics import average_precision, label_metrics
from askance.tasks.classification.several import LabelEntropy, Sets, label_logits, units_of_labels
from askance.vocab import Annotation, ConfigError, LabelError, Labelled
from askance.vocab.config import ModelConfig, TrainConfig

CLASSES = ("bright top", "bright left", "bright corner")
LOOK = {"name": "pixels", "size": 8, "channels": 1}


def images(n=60):
    """Images whose parts are bright or not, each by a coin of its own; and which are."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 60, (n, 1, 8, 8)).astype(np.uint8)
    there = rng.random((n, 3)) < 0.4
    pixels[there[:, 0], :, 0, 2:] += 190
    pixels[there[:, 1], :, 2:, 0] += 190
    pixels[there[:, 2], :, 5:, 5:] += 190
    ids = [f"{i:032x}" for i in range(n)]
    said = tuple(
        Annotation.of_labels(*(name for name, yes in zip(CLASSES, row, strict=True) if yes)) for row in there
    )
    return ArrayImages(pixels, ids), Labelled(tuple(ids), said), there


def task(source, model=(), train=()):
    settings = {"max_steps": 300, "min_steps": 0, "device": "cpu", "weight_decay": (0.1,), **dict(train)}
    return Classification(
        ModelConfig(**{**LOOK, **dict(model)}), TrainConfig(**settings), CLASSES, source, several=True
    )


def part(said, start, stop):
    return Labelled(said.ids[start:stop], said.targets[start:stop])


def test_the_logit_of_a_label_is_the_one_that_went_in_whatever_the_others():
    z = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = Draws.from_logits(torch.cat([z, torch.zeros(4, 7, 1)], dim=-1), joint=True)
    torch.testing.assert_close(label_logits(drawn.log_probs), z)
    units = units_of_labels(drawn)
    torch.testing.assert_close(units.draws.log_probs[..., 1].exp().reshape(4, 3, 7).transpose(1, 2), z.sigmoid())
    assert units.about["label"].tolist() == [0, 1, 2] * 4
    assert units.image.tolist() == [i for i in range(4) for _ in range(3)]


def test_the_loss_is_the_cross_entropy_of_each_label_added_up():
    sets = Sets.of(CLASSES, Labelled(("a", "b"), (Annotation.of_labels("bright left"), Annotation.of_labels())))
    targets = sets(Labelled(("b", "a"), (Annotation.of_labels(), Annotation.of_labels("bright left"))))
    z = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.2, 0.1]], dtype=torch.float64)
    outputs = torch.cat([z, torch.zeros(2, 1, dtype=torch.float64)], dim=1)
    wanted = torch.tensor([[0.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    due = binary_cross_entropy_with_logits(z, wanted, reduction="none").sum(dim=1)
    loss = LabelEntropy(sets.table).loss(outputs, targets, None)
    torch.testing.assert_close(loss, due.mean())
    drawn = Draws.from_logits(outputs[:, None], joint=True)
    torch.testing.assert_close(LabelEntropy(sets.table).nll(drawn, targets), due)


@pytest.mark.parametrize("posterior", ["mc-dropout", "dropout-moments", "ensemble", "swag", "softmax"])
def test_every_posterior_learns_and_says_each_label(posterior, tmp_path):
    source, said, _ = images()
    one = task(source, {"posterior": posterior, "members": 2, "dropout": 0.1})
    model = one.fit(part(said, 0, 40), Labelled((), ()), warm=None, seed=0).model
    last = [layer for layer in model.head if isinstance(layer, nn.Linear)][-1]
    assert not bool(last.weight[-1].any()), "nothing stays at zero"
    measured = one.measure(model, part(said, 40, 60), k=20, seed=0)
    assert measured["label_accuracy"] > 0.9
    assert measured["error"] == pytest.approx(1 - measured["accuracy"])
    one.save(model, tmp_path / "model.safetensors")
    again = task(source, {"posterior": posterior, "members": 2, "dropout": 0.1}).load(
        tmp_path / "model.safetensors"
    )
    assert one.measure(again, part(said, 40, 60), k=20, seed=0) == measured
    words = one.explain(model, said.ids[40:60], k=20, seed=0)
    from askance.vocab.answers import written

    truth = [written(one.labels) for one in said.targets[40:60]]
    right = np.mean([word["predicted"] == due for word, due in zip(words, truth, strict=True)])
    assert right == pytest.approx(measured["accuracy"])
    chunk = next(iter(one.draws(model, said.ids[40:60], k=20, seed=0)))
    assert (chunk.units.n_images, len(chunk.units.draws), chunk.units.draws.c) == (20, 60, 2)


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = torch.tensor(rng.random((50, 3)).round(1).clip(0.05, 0.95))
    targets = torch.tensor(rng.random((50, 3)) < p.numpy())
    said = LabelAnswers(tuple("x" * 50), (1 - p).log(), p.log(), targets)
    found = label_metrics(said, CLASSES)
    y, guess = targets.numpy(), (p >= 0.5).numpy()
    assert found["micro_f1"] == pytest.approx(f1_score(y, guess, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(y, guess, average="macro"))
    assert found["map"] == pytest.approx(average_precision_score(y, p.numpy(), average="macro"))
    assert found["accuracy"] == pytest.approx((y == guess).all(axis=1).mean())
    assert average_precision(p[:, 1], targets[:, 1]) == pytest.approx(average_precision_score(y[:, 1], p[:, 1]))


def test_votes_are_of_whole_answers():
    z = torch.tensor([[[5.0, 5.0, -5.0], [5.0, -5.0, -5.0], [5.0, 5.0, -5.0]]])
    drawn = Draws.from_logits(torch.cat([z, torch.zeros(1, 3, 1)], dim=-1), joint=True)
    words = label_explanations(drawn, CLASSES)[0]
    assert words["votes"] == {"bright left; bright top": 2, "bright top": 1}
    assert words["predicted"] == "bright left; bright top"


def test_what_cannot_be_is_refused_before_an_image_is_read():
    source, said, _ = images(4)
    with pytest.raises(ConfigError, match="curvature"):
        task(source, {"posterior": "laplace"})
    with pytest.raises(ConfigError, match="balance"):
        task(source, train={"balance": "weights"})
    nothing = Labelled(said.ids, (Annotation.of_labels(),) * 4)
    with pytest.raises(LabelError, match="with a label"):
        task(source).fit(nothing, Labelled((), ()), warm=None, seed=0)
