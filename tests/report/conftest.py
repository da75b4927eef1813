import io
import math

import pytest
from PIL import Image

from askance.report import DoubtedLabel, NearImage, PickedImage, ReportData, RoundRow
from askance.report.data import Crew, Paid
from askance.vocab import Curve, Diagnosis, Reliability, Sighting, Suspect

CLASSES = ("glass", "metal", "paper")


def make_curve(strategy: str, seed: int, rate: float, sizes: range = range(20, 121, 20)) -> Curve:
    """An error that falls with a rate of its own, a little different for each seed."""
    errors = tuple(0.5 * math.exp(-n / rate) * (1 + 0.02 * seed) + 0.01 for n in sizes)
    return Curve(strategy, seed, tuple(sizes), {"error": errors, "accuracy": tuple(1 - e for e in errors)})


def make_table(shift: float) -> Reliability:
    """Three bins, the middle one empty; right by `shift` less than it is sure."""
    return Reliability(
        edges=(0.0, 1 / 3, 2 / 3, 1.0),
        count=(5, 0, 55),
        confidence=(0.3, None, 0.9),
        accuracy=(0.2, None, 0.9 - shift),
        low=(0.04, None, 0.7 - shift),
        high=(0.6, None, min(1.0, 0.97 - shift)),
    )


def make_diagnosis(classes: tuple[str, ...] = CLASSES) -> Diagnosis:
    """Each class is right eight times and taken for the next as often as its place says."""
    c = len(classes)
    confusion = [[8 * (i == j) + (i % 5) * ((i + 1) % c == j) for j in range(c)] for i in range(c)]
    said = [sum(row[j] for row in confusion) for j in range(c)]
    scores = {"nll": 0.61, "ece": 0.12, "adaptive_ece": 0.13, "classwise_ece": 0.04, "brier": 0.31}
    return Diagnosis(
        classes=classes,
        tested=sum(map(sum, confusion)),
        validated=40,
        confusion=tuple(map(tuple, confusion)),
        recall=tuple(row[i] / sum(row) for i, row in enumerate(confusion)),
        precision=tuple(row[i] / said[i] for i, row in enumerate(confusion)),
        temperature=1.62,
        before=make_table(0.2),
        after=make_table(0.05),
        scores_before=scores,
        scores_after={name: value / 2 for name, value in scores.items()},
        doubtable=100,
        suspects=tuple(Suspect(f"{i}", "test", classes[0], classes[1], 0.01 * i, 0.9, 0.3 * i) for i in range(3)),
    )


@pytest.fixture
def curves() -> list[Curve]:
    """BALD is better than random in every one of three seeds."""
    return [make_curve(name, seed, rate) for name, rate in (("bald", 30), ("random", 60)) for seed in range(3)]


@pytest.fixture
def full(curves: list[Curve]) -> ReportData:
    """Data for every section."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(out, "PNG")
    picture = out.getvalue()
    votes = {"glass": 60, "metal": 30, "paper": 10}
    rounds = [
        RoundRow(
            number,
            40 * number,
            {"accuracy": 0.7 + 0.05 * number, "error": 0.3 - 0.05 * number, "recall/glass": 0.5 + 0.1 * number},
            200,
            {"glass": 30, "metal": 10},
            {"metal": 8, "paper": 2},
            number != 2,
            {"train": 61.0, "measure": 0.01},
            3,
            "one test set",
            {"model.size": "224"},
        )
        for number in (1, 2, 3)
    ]
    return ReportData(
        title="Bottles",
        curves=curves,
        rounds=rounds,
        picked=[
            PickedImage(
                "/pool/a.png",
                1,
                0.7,
                "glass",
                votes,
                {c: v / 100 for c, v in votes.items()},
                picture,
                [NearImage("glass", 0.93, picture), NearImage("metal", 0.88)],
            ),
            PickedImage("/pool/b.png", 2, 0.6, "metal"),
        ],
        diagnosis=make_diagnosis(),
        doubts=[DoubtedLabel("/pool/c.png", "test", "glass", "metal", 0.02, 0.9, picture, 0.1)],
        quarantined=[Sighting(f"/pool/{i}.jpg", 1, "", None, f"truncated: {i} bytes") for i in range(60)],
        classes=CLASSES,
        provenance={"command": "askance report", "seed": "0"},
        targets=(0.1, 0.05),
        fixed_labels=300,
        subject="bottles",
        how="power:bald",
        batch_labels=120,
        chosen={"mean": 0.155, "pool_mean": 0.133, "top_mean": 0.304, "above_median": 0.6},
        plain_accuracy=0.84,
        paid=Paid("Not known: there is nothing to compare with yet.", ("A test set.",), ("askance pick -n 20",)),
        answers={"unreadable": 2},
        crew=Crew(
            {"anna": (100, 0), "bob": (20, 12)},
            [("anna", "bob", 12, 0.75, 0.6)],
            0.61,
            12,
            1,
            [("/pool/d.png", {"anna": "glass", "bob": "metal"})],
            [("/pool/e.png", "glass", "", "anna", "bob")],
        ),
    )
