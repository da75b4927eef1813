"""Kirsch, van Amersfoort and Gal 2019: batches that do not repeat themselves, on MNIST and Repeated MNIST."""

from pathlib import Path

from askance.report.claims import Claim
from askance.report.study_data import Published
from askance.studies.papers.mnist import IS_QUICK, SUBSET, Arms, Mnist
from askance.studies.studies import Study

NETWORK = {"name": "askance.studies.papers.networks:kirsch_cnn", "train": "all"}

TRAIN = {
    "batch": 64,
    "learning_rate": 1e-3,
    "weight_decay": [0.0],
    "min_steps": 300,
    "max_steps": 1000,
    "precision": "bf16-mixed",
}
"""For every arm the same; docs/choices/0009 has what else was tried, on training images that were kept out."""

RECOUNT = {
    "batch-1": {"bald": ("97 (94 to 102)", "207 (198 to 244)")},
    "batch-5": {"batchbald": ("90 (90 to 105)", "190 (175 to 220)")},
    "batch-10": {
        "batchbald": ("100 (80 to 120)", "210 (200 to 240)"),
        "bald": ("130 (130 to 180)", "260 (260 to >300)"),
    },
    "batch-40": {
        "batchbald": ("140 (140 to 180)", "300 (260 to 300)"),
        "bald": ("220 (180 to 220), K = 20", "340 (300 to 340), K = 20"),
    },
    "repeated": {
        "batchbald": ("130 (130 to 140)", "270 (270 to 290)"),
        "bald": ("290 (270 to >300)", ">300"),
        "random": ("200 (190 to 230), 5 a round", ">300"),
    },
}
"""Part -> strategy -> labels to 10 and 5 %, medians and quartiles of the authors' runs."""

COUNTED = (
    "of the raw logs in BlackHC/BatchBALD (2ab8d74): training sizes of the first models at an accuracy, stay or "
    "not, median and quartiles of their 6 to 12 runs; K = 100 on MNIST and 10 on Repeated MNIST where no other is "
    "named. The paper's own table counts one batch fewer."
)

DIFFERS = (
    "the network is theirs with dropout before its last layer alone; theirs also drops channels of both "
    "convolutions, which makes a draw cost a pass",
    "each model is trained until its loss has settled, 300 to 1,000 steps of 64 images, in bfloat16 where that "
    "is safe, and its weights are averaged over the run; no validation label is used: theirs ends each training "
    "by the accuracy on 1,024 of them",
    f"a random {SUBSET:,} of the pool are scored a round, of Repeated MNIST 6,000 in whole groups of copies",
    "K = 100 for Repeated MNIST too, where theirs is 10; its noise is rounded to grey levels and clipped",
)

CLAIMS = (
    *(
        Claim(f"BatchBALD is better than BALD, {n} a round", (f"batch-{n}", "batchbald"), (f"batch-{n}", "bald"))
        for n in (5, 10, 40)
    ),
    Claim("BatchBALD is better than random, 10 a round", ("batch-10", "batchbald"), ("batch-10", "random")),
    Claim(
        "BatchBALD, 10 a round, is as good as BALD, one a round",
        ("batch-10", "batchbald"),
        ("batch-1", "bald"),
        expected=False,
    ),
    Claim("Repeated MNIST: BatchBALD is better than random", ("repeated", "batchbald"), ("repeated", "random")),
    Claim("Repeated MNIST: BALD is worse than random", ("repeated", "random"), ("repeated", "bald")),
)


def batchbald2019(folder: Path, *, quick: bool = False) -> Study:
    """The study on MNIST's files in `folder`: 1, 5, 10 and 40 labels a round, and Repeated MNIST."""
    make, repeated = (Mnist(folder, quick, TRAIN, NETWORK, repeated) for repeated in (False, True))
    both = ("batchbald", "bald")
    arms = {
        "batch-1": Arms(("bald",), until=300, batch=1, seeds=3),
        "batch-5": Arms(both, until=300, batch=5, seeds=4),
        "batch-10": Arms((*both, "random"), until=300, batch=10, seeds=4),
        "batch-40": Arms(both, until=300, batch=40, seeds=4),
    }
    wanted = ("batch-10", "batch-40") if quick else tuple(arms)
    parts = [
        make.part(
            name,
            f"{arms[name].batch} label{'s' * (arms[name].batch > 1)} a round",
            arms[name],
            published=(_recount(name),),
            reference="random" if name == "batch-10" else "bald",
            note="With one label a round BatchBALD is BALD." if name == "batch-1" else "",
        )
        for name in wanted
    ]
    copies = repeated.part(
        "repeated",
        "Repeated MNIST",
        Arms((*both, "random"), until=300, seeds=4, subset=6000),
        published=(_recount("repeated"),),
        note="Every training image three times, each with noise of its own.",
    )
    return Study(
        "batchbald2019-quick" if quick else "batchbald2019",
        "MNIST and Repeated MNIST as in Kirsch, van Amersfoort and Gal 2019",
        "A. Kirsch, J. van Amersfoort and Y. Gal, *BatchBALD: Efficient and Diverse Batch Acquisition for "
        "Deep Bayesian Active Learning*, NeurIPS 2019 (arXiv 1906.08158): "
        "table 1, and its figures on MNIST and Repeated MNIST.",
        (*DIFFERS, *((IS_QUICK,) if quick else ())),
        (*parts, copies),
        CLAIMS,
        subject="MNIST",
    )


def _recount(part: str) -> Published:
    return Published("recount", RECOUNT[part], COUNTED)
