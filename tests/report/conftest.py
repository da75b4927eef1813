import io
import math

import pytest
from PIL import Image

from askance.report import PickedImage, ReportData, RoundRow
from askance.vocab import Curve, Sighting

CLASSES = ("glass", "metal", "paper")


def make_curve(strategy: str, seed: int, rate: float, sizes: range = range(20, 121, 20)) -> Curve:
    """An error that falls with a rate of its own, a little different for each seed."""
    errors = tuple(0.5 * math.exp(-n / rate) * (1 + 0.02 * seed) + 0.01 for n in sizes)
    return Curve(strategy, seed, tuple(sizes), {"error": errors, "accuracy": tuple(1 - e for e in errors)})


@pytest.fixture
def curves() -> list[Curve]:
    """BALD is better than random in every one of three seeds."""
    return [make_curve(name, seed, rate) for name, rate in (("bald", 30), ("random", 60)) for seed in range(3)]


@pytest.fixture
def full(curves: list[Curve]) -> ReportData:
    """Data for every section."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(out, "PNG")
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
        )
        for number in (1, 2, 3)
    ]
    return ReportData(
        title="Bottles",
        curves=curves,
        rounds=rounds,
        picked=[
            PickedImage(
                "/pool/a.png", 1, 0.7, "glass", votes, {c: v / 100 for c, v in votes.items()}, out.getvalue()
            ),
            PickedImage("/pool/b.png", 2, 0.6, "metal"),
        ],
        quarantined=[Sighting(f"/pool/{i}.jpg", 1, "", None, f"truncated: {i} bytes") for i in range(60)],
        classes=CLASSES,
        provenance={"command": "askance report", "seed": "0"},
        targets=(0.1, 0.05),
        fixed_labels=300,
    )
