"""How a batch was chosen, in a sentence; for the terminal and the report alike."""

from collections.abc import Mapping

SCORES: Mapping[str, str] = {
    "bald": "BALD, how much the draws disagree about an image",
    "margin": "margin, doubt between the two likeliest classes",
    "max-entropy": "the entropy of the mean prediction",
    "predictive-entropy": "the entropy of the mean prediction",
    "expected-entropy": "the mean entropy of the draws",
    "least-confidence": "a low probability of the likeliest class",
    "mean-std": "the spread of the class probabilities over the draws",
    "variation-ratios": "the share of draws that vote for another class than most",
    "epig": "EPIG, what a label would say about images like those of the pool",
    "novelty": "how unlike the labelled images an image is",
    "bernoulli-bald": "Bernoulli BALD, how much the draws disagree, class by class, whether it is there",
    "localisation": "how far a box moves from draw to draw",
    "occurrence": "how evenly the draws are split about whether it is there",
    "box-doubt": "doubt of class, of box or of being there at all",
    "random": "nothing at all",
}
"""Each score as what is looked for."""

_SHORT: Mapping[str, str] = {"bald": "BALD", "epig": "EPIG", "max-entropy": "entropy", "novelty": "novelty"}

BY_LOT = ("power", "softmax", "softrank")
"""Selections that draw by lot from scores."""

_LOTS = {
    "power": "drawn by lot, with chances proportional to {score}",
    "softmax": "drawn by lot, with chances that grow exponentially with {score}",
    "softrank": "drawn by lot, with chances that fall with an image's rank by {score}",
}

_WHOLE = {
    "random": "drawn at random: every image of the pool was as likely as any other",
    "class-balanced-random": "drawn at random, in turn from each class as the model predicts it",
    "foreground-random": "drawn at random from the images that something was found in",
    "box-count": "those of the pool with the most things expected in them",
    "batchbald": "picked one after another for what their labels together would say about the model (BatchBALD)",
    "badge": "drawn by lot, far from one another in the gradients their labels would give (BADGE)",
    "max-herding": "picked one after another, each for standing for as much of the pool as possible that no "
    "labelled or picked image stands for yet",
}


def how_chosen(how: str, *, labels: int | None = None) -> str:
    """How a batch was chosen, as the predicate of a sentence about its images.

    Args:
        how: a strategy by the name people type: `power:bald`, `random`, `uncertainty-herding:margin`.
        labels: how many training labels the model had seen; 0 where there was no model yet.

    >>> how_chosen("power:bald")
    'drawn by lot, with chances proportional to BALD, how much the draws disagree about an image'
    >>> how_chosen("random", labels=0)
    'the first batch, before any model: drawn at random: every image of the pool was as likely as any other'
    """
    first = "the first batch, before any model: " if labels == 0 else ""
    how, *ways = how.split("+")
    counts = f"; an image counts by {', and '.join(_WAYS.get(way, way) for way in ways)}" if ways else ""
    return first + _plain(how, labels) + counts


_WAYS = {
    "mean": "the mean over what was found in it",
    "max": "the highest of what was found in it",
    "top3-mean": "the mean of the three highest of what was found in it",
    "per-cost": "the sum over what was found in it, for what it is expected to cost",
    "difficulty": "more by classes that the model finds badly",
}
"""What may stand behind a plus: how the boxes of an image make its score."""


def _plain(how: str, labels: int | None) -> str:
    selection, colon, score = how.rpartition(":") if ":" in how else (how, "", "")
    if selection == "uncertainty-herding":
        if labels == 0:
            return _WHOLE["max-herding"]
        doubt = SCORES.get(score or "margin", score)
        return f"{_WHOLE['max-herding']}, where images in doubt count most ({doubt})"
    if selection in _WHOLE:
        return _WHOLE[selection]
    if selection in _LOTS:
        return _LOTS[selection].format(score=SCORES.get(score, score))
    if not colon and selection in SCORES:
        return f"those of the pool that score highest by {SCORES[selection]}"
    return f"by the strategy {how}"


def by_lot(how: str) -> bool:
    """Whether chance decides which images come: another seed would bring others.

    >>> by_lot("power:bald"), by_lot("margin")
    (True, False)
    """
    return how.partition(":")[0] in (*BY_LOT, "random", "foreground-random", "class-balanced-random", "badge")


def score_name(how: str) -> str:
    """What the gains of such a batch are, at the head of a column; empty where they say nothing.

    >>> score_name("power:bald"), score_name("margin"), score_name("random"), score_name("max-herding")
    ('BALD', 'margin', '', 'coverage gained')
    """
    how = how.partition("+")[0]
    selection, _, score = how.rpartition(":") if ":" in how else (how, "", "")
    if selection == "box-count":
        return "things expected"
    if selection in ("max-herding", "uncertainty-herding"):
        return "coverage gained"
    if selection == "batchbald":
        return "information gained"
    if selection in ("random", "foreground-random", "class-balanced-random", "badge"):
        return ""
    name = score or selection
    return _SHORT.get(name, name.replace("-", " "))


def beside_random(batch: Mapping[str, float], how: str) -> str:
    """How a batch differs from a random one, from the scores of the pool it was picked from; empty if not known.

    Args:
        batch: `mean` of the batch's scores, `pool_mean`, `top_mean` of as many of the highest, and `above_median`,
            the share of the batch that scores above the pool's median; `covered`, the share of all doubt that the
            batch covers, and `covered_evenly`, that of as many images drawn evenly; `empty`, the share of the
            batch in which nothing was found, and `empty_pool`, that of the pool. What is not known is left out.
        how: the strategy.

    >>> print(beside_random({"covered": 0.31, "covered_evenly": 0.2}, "uncertainty-herding"))
    They cover 31 % of what is in doubt beyond the labelled images; as many random ones would cover 20 %.
    """
    said = []
    if {"covered", "covered_evenly"} <= batch.keys():
        said.append(
            f"They cover {100 * batch['covered']:.0f} % of what is in doubt beyond the labelled images; as many "
            f"random ones would cover {100 * batch['covered_evenly']:.0f} %."
        )
    if {"mean", "pool_mean", "top_mean", "above_median"} <= batch.keys():
        said.append(
            f"Mean {score_of(how)}: {batch['mean']:.3g} in the batch, {batch['pool_mean']:.3g} in the pool, "
            f"{batch['top_mean']:.3g} in the highest as many; {100 * batch['above_median']:.0f} % of the batch "
            "lie above the pool's median (of random images 50 % would)."
        )
    if {"empty", "empty_pool"} <= batch.keys():
        said.append(
            f"In {100 * batch['empty']:.0f} % of them nothing was found, as in {100 * batch['empty_pool']:.0f} % "
            "of the pool: these have no score and come at random, so that what is missed is seen."
        )
    return " ".join(said)


def score_of(how: str) -> str:
    """The score behind a strategy, short.

    >>> score_of("uncertainty-herding:margin"), score_of("power:bald"), score_of("uncertainty-herding")
    ('margin', 'BALD', 'margin')
    """
    name = how.partition("+")[0].rpartition(":")[2]
    name = "margin" if name == "uncertainty-herding" else name
    return _SHORT.get(name, name.replace("-", " "))
