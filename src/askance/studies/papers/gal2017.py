"""Gal, Islam and Ghahramani 2017: five acquisitions on MNIST, and what the posterior is worth."""

from pathlib import Path

from askance.report.claims import Claim
from askance.report.study_data import Published, Standing
from askance.studies.papers.mnist import IS_QUICK, SUBSET, Arms, Mnist
from askance.studies.studies import Part, Study

SCORES = ("variation-ratios", "bald", "max-entropy", "mean-std")

TABLE_1 = Published(
    "paper",
    {
        "variation-ratios": ("120", "295"),
        "bald": ("145", "335"),
        "max-entropy": ("165", "355"),
        "mean-std": ("230", "695"),
        "random": ("255", "835"),
    },
    "table 1, as the README of lunayht/DBALwithImgData quotes it. It is of *acquired* images: if the 20 to start "
    "from are not in it, add 20. Whether a model has to stay at the error is not known.",
)

TABLE_2 = Standing(
    1000,
    {"random": 4.66, "bald": 1.80, "max-entropy": 1.74, "variation-ratios": 1.64},
    {
        "semi-supervised embedding": 5.73,
        "transductive SVM": 5.38,
        "AtlasRBF": 3.68,
        "MTC": 3.64,
        "pseudo-label": 3.46,
        "DGN": 2.40,
        "ladder network (Gamma)": 1.53,
        "virtual adversarial training": 1.32,
        "ladder network (full)": 0.84,
    },
    "The paper's column is its table 2, as reimplementations quote it. The semi-supervised methods saw some "
    "49,000 unlabelled images besides, and chose their settings on 5,000 to 10,000 labelled ones.",
)

TRAIN = {"min_steps": 300, "max_steps": 700, "weight_decay": [3.0]}
"""For every arm the same, and chosen for none; c/N on the dense layers is the form of the authors' code."""

DIFFERS = (
    "the weight decay c/N is not chosen on 100 validation images: c = 3 for every arm, and no validation label "
    "is used",
    "each model is trained from scratch by Adam until its loss has settled, 300 to 700 steps of 16 images, "
    "and its weights are averaged over the run",
    f"a random {SUBSET:,} of the pool are scored a round where no other number is named",
    "seeds change start labels, first weights, minibatches, draws and the part of the pool together",
    "acquired images leave the pool, which in the authors' code they do not",
)

CLAIMS = (
    *(Claim(f"{name} is better than random", ("bayesian", name), ("bayesian", "random")) for name in SCORES),
    *(
        Claim(f"{name} is better than random, to 1,000 labels", ("to-1000", name), ("to-1000", "random"))
        for name in ("variation-ratios", "bald")
    ),
    *(
        Claim(f"{name}: better with the posterior than without", ("bayesian", name), ("deterministic", without))
        for name, without in (("variation-ratios", "least-confidence"), ("max-entropy", "max-entropy"))
    ),
    *(
        Claim(f"{name} is better than mean-std", ("bayesian", name), ("bayesian", "mean-std"))
        for name in ("variation-ratios", "bald", "max-entropy")
    ),
    *(
        Claim(
            f"{name}: whether {n:,} at random or the whole pool are scored makes no difference",
            (part, name),
            ("whole-power" if name == "power:bald" else "whole-pool", name),
            expected=False,
        )
        for n, part, names in ((SUBSET, "bayesian", (*SCORES, "power:bald")), (2000, "pool-2000", ("bald",)))
        for name in names
    ),
    Claim(
        "power:bald of the whole pool is better than random", ("whole-power", "power:bald"), ("bayesian", "random")
    ),
    Claim(
        "power:bald of the whole pool is better than its top scores",
        ("whole-power", "power:bald"),
        ("whole-pool", "bald"),
    ),
    *(
        Claim(
            f"{name} of the whole pool is better than random, to {until} labels",
            (part, name),
            (beside, "random"),
        )
        for until, part, beside, names in (
            ("400", "whole-pool", "bayesian", SCORES),
            ("1,000", "whole-to-1000", "to-1000", ("variation-ratios", "bald")),
        )
        for name in names
    ),
    Claim("BALD of 2,000 at random is better than random", ("pool-2000", "bald"), ("bayesian", "random")),
)


def gal2017(folder: Path, *, quick: bool = False) -> Study:
    """The study on MNIST's files in `folder`: acquisitions, no posterior, 1,000 labels, the whole pool."""
    make = Mnist(folder, quick, TRAIN)
    parts = [
        make.part(
            "bayesian",
            "Five acquisitions, Bayesian network",
            Arms((*SCORES, "random", "power:bald")),
            published=(TABLE_1,),
            note="`power:bald`, which samples the batch in proportion to the score, is not in the paper: "
            "it is what `askance pick` does by itself.",
        ),
        make.part(
            "deterministic",
            "The same network without its posterior",
            Arms(("least-confidence", "max-entropy", "random"), model={"posterior": "softmax"}),
            note="Dropout while training only. Of one network BALD and mean STD are zero for every image, and so "
            "are variation ratios that count votes: in their place is least confidence, 1 - max p.",
        ),
        make.part(
            "to-1000",
            "To 1,000 labels",
            Arms(("bald", "variation-ratios", "random"), until=1000, seeds=3),
            standing=TABLE_2,
            note="Up to 400 labels these are the rounds of *Five acquisitions*.",
        ),
    ]
    return Study(
        "gal2017-quick" if quick else "gal2017",
        "MNIST as in Gal, Islam and Ghahramani 2017",
        "Y. Gal, R. Islam and Z. Ghahramani, *Deep Bayesian Active Learning with Image Data*, ICML 2017 "
        "(arXiv 1703.02910): figures 1 and 2, tables 1 and 2.",
        (*DIFFERS, *((IS_QUICK,) if quick else ())),
        tuple(parts[:2] if quick else [*parts, *_how_much_is_scored(make)]),
        CLAIMS,
        subject="MNIST",
    )


def _how_much_is_scored(make: Mnist) -> list[Part]:
    """Parts that score the whole pool a round, or 2,000 of it."""
    return [
        make.part(
            "whole-pool",
            "The whole pool scored each round",
            Arms(SCORES, subset=None),
            published=(TABLE_1,),
            beside={"random": "bayesian"},
            note="Random picks do not depend on how much is scored.",
        ),
        make.part(
            "whole-to-1000",
            "The whole pool scored each round, to 1,000 labels",
            Arms(("bald", "variation-ratios"), until=1000, seeds=3, subset=None),
            standing=TABLE_2,
            beside={"random": "to-1000"},
            note="Up to 400 labels these are the rounds of *The whole pool scored each round*.",
        ),
        make.part(
            "whole-power",
            "Power BALD of the whole pool",
            Arms(("power:bald",), until=200, seeds=3, subset=None),
            beside={"random": "bayesian", "bald": "whole-pool"},
            note="What `askance pick` does by itself, beside the top scores of the same pool.",
        ),
        make.part(
            "pool-2000",
            "2,000 of the pool scored each round",
            Arms(("bald",), until=200, seeds=3, subset=2000),
            beside={"random": "bayesian"},
            note="As many as in the authors' published code.",
        ),
    ]
