from dataclasses import replace

import pytest

from askance.report.claims import Claim
from askance.report.study import study_page
from askance.report.study_data import Bought, Effort, Published, Standing, StudyPage, StudyPart
from askance.vocab import Curve

SIZES = (20, 30, 40)


def runs(name: str, *rows: tuple[float, ...]) -> list[Curve]:
    return [Curve(name, seed, SIZES, {"error": row}) for seed, row in enumerate(rows)]


GOOD = runs("bald", (0.4, 0.09, 0.04), (0.4, 0.08, 0.06), (0.4, 0.2, 0.09))
BAD = runs("random", (0.4, 0.3, 0.2), (0.4, 0.3, 0.09), (0.4, 0.35, 0.3))

PART = StudyPart(
    name="one",
    title="Two arms",
    note="",
    protocol="20 labels to start from",
    curves=[*GOOD, *BAD],
    strategies=("bald", "random"),
    seeds=(0, 1, 2),
    until=40,
    paid=0,
    reference="random",
    published=(Published("paper", {"bald": ("145", "335")}),),
    figure="one.png",
    efforts={"bald": Effort(9, 2, (90.0, 18.0, 9.0)), "random": Effort(9, 0, (90.0, 18.0, 0.0))},
)
PAGE = StudyPage("A study", "Somebody 2017.", ("the moon",), {"machine": "this one"}, [PART])


def row(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def verdict(claim: Claim, part: StudyPart = PART) -> str:
    page = study_page(replace(PAGE, parts=[part], claims=[claim]))
    return row(page, f"| {claim.text} ").split("|")[2].strip()


def test_labels_to_an_error_are_medians_of_models_that_stay_and_each_seed() -> None:
    page = study_page(PAGE)
    to_ten, to_five = "**30** (30 to 40*); 30, 30, 40*", "**>40** (40* to >40); 40*, >40, >40"
    assert row(page, "| bald | **30") == f"| bald | {to_ten} | {to_five} | 30, >40 | 145 | 335 |"
    assert row(page, "| random | **>40").startswith("| random | **>40** (40* to >40); >40, 40*, >40 | **>40**")


def test_errors_and_areas_have_intervals_and_the_reference_is_compared_in_pairs() -> None:
    page = study_page(PAGE)
    assert (
        "| random | 40.0 (40.0 to 40.0) | 31.7 (24.5 to 38.8) | 19.7 (0.0 to 45.8) | 30.75 (20.99 to 40.51) |"
        in page
    )
    assert row(page, "| bald | -") == "| bald | -13.00 (-14.50 to -11.75), 3, p = 0.25 |"
    assert "| bald | 9 | 2 | 10.0 | 2.0 | 1.0 |" in page


def test_the_first_model_at_an_error_is_told_beside_the_first_that_stays() -> None:
    back = runs("bald", (0.09, 0.2, 0.04), (0.05, 0.2, 0.2), (0.3, 0.2, 0.2))
    page = study_page(replace(PAGE, parts=[replace(PART, curves=back)]))
    assert row(page, "| bald | **>40").endswith("| 20, 40* | 145 | 335 |")


def test_where_and_how_printed_counts_were_made_is_said() -> None:
    counted = Published("paper", {"bald": ("145", "335")}, "as somebody quotes it.")
    assert "Paper: as somebody quotes it." in study_page(replace(PAGE, parts=[replace(PART, published=[counted])]))


@pytest.mark.parametrize(
    ("better", "worse", "said"),
    [
        ("bald", "random", "reproduces: 3 of 3 seeds"),
        ("random", "bald", "**reversed**: 0 of 3 seeds"),
        ("bald", "bald", "**not seen**: 0 of 3 seeds"),
        ("bald", "margin", "not run"),
    ],
)
def test_a_claim_is_judged_by_its_interval(better: str, worse: str, said: str) -> None:
    assert verdict(Claim("it is so", ("one", better), ("one", worse))) == said


@pytest.mark.parametrize(
    ("worse", "said"), [("bald", "none above 0.0 points seen"), ("random", "**they differ**")]
)
def test_that_there_is_no_difference_is_a_claim_too(worse: str, said: str) -> None:
    assert verdict(Claim("the same", ("one", "bald"), ("one", worse), expected=False)) == said


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("expected", [True, False])
def test_one_or_two_pairs_say_nothing(n: int, expected: bool) -> None:
    part = replace(PART, curves=[*GOOD[:n], *BAD[:n]])
    claim = Claim("it is so", ("one", "bald"), ("one", "random"), expected=expected)
    assert verdict(claim, part) == "too few pairs to say"


def test_arms_that_were_drawn_otherwise_are_compared_under_reserve() -> None:
    def said(ours: dict[tuple[int, int], str], theirs: dict[tuple[int, int], str]) -> str:
        return verdict(claim, replace(PART, masks={"bald": ours, "random": theirs}))

    claim = Claim("it is so", ("one", "bald"), ("one", "random"))
    old = {(seed, size): "independent" for seed in range(3) for size in SIZES}
    assert said(old, old) == said(old, {}) == "reproduces: 3 of 3 seeds"
    assert said(old, old | {(2, 40): "in rounds"}) == "reproduces: 3 of 3 seeds; other masks in 12 % of rounds"
    longer = old | {(seed, 50): "in rounds" for seed in range(3)}  # which are not compared
    assert said(old, longer) == "reproduces: 3 of 3 seeds"
    unfinished = {(3, size): "in rounds" for size in SIZES}  # nor are runs without a curve
    assert said(old | {(3, 40): "independent"}, old | unfinished) == "reproduces: 3 of 3 seeds"


def test_that_few_pairs_make_too_short_an_interval_is_said_beside_the_claims() -> None:
    claim = Claim("it is so", ("one", "bald"), ("one", "random"))
    assert "too short" in study_page(replace(PAGE, claims=[claim]))
    rows = [(0.4, 0.3 + seed / 100, 0.2) for seed in range(8)]
    many = replace(PART, curves=[*runs("bald", *rows), *runs("random", *rows)], seeds=range(8))
    assert "too short" not in study_page(replace(PAGE, parts=[many], claims=[claim]))
    assert "too short" not in study_page(replace(PAGE, parts=[replace(PART, curves=())], claims=[claim]))


def test_what_was_not_run_is_said() -> None:
    page = study_page(replace(PAGE, parts=[replace(PART, curves=())]))
    assert "0 of 6 runs have reached their end." in page
    assert "Labels to an error" not in page


def test_other_methods_stand_beside_ours_at_their_size() -> None:
    standing = Standing(40, {"bald": 1.8}, {"ladder": 0.84}, "They saw more.")
    page = study_page(replace(PAGE, parts=[replace(PART, standing=standing)]))
    assert "Test error in % at 40 labels. They saw more." in page
    assert "| bald | 6.33 (0.08 to 12.58); 4.00, 6.00, 9.00 | 1.80 |" in page
    assert "| ladder |  | 0.84 |" in page
    far = replace(standing, labels=1000)
    assert "1,000 labels. They" not in study_page(replace(PAGE, parts=[replace(PART, standing=far)]))


def test_who_beats_whom_needs_three_arms() -> None:
    assert "beats the column" not in study_page(PAGE)
    three = replace(PART, curves=[*PART.curves, *runs("margin", *[(0.4, 0.5, 0.5)] * 3)])
    page = study_page(replace(PAGE, parts=[three]))
    assert row(page, "| bald |  | ").startswith("| bald |  | ")
    assert "beaten, mean" in page


def test_a_page_of_a_metric_that_is_to_be_large_says_so_and_judges_by_it() -> None:
    curves = [
        Curve(run.strategy, run.seed, run.labels, {"auroc": tuple(1 - x for x in run.metrics["error"])})
        for run in PART.curves
    ]
    best = [replace(run, strategy="oracle", metrics={"auroc": (0.6, 0.98, 0.99)}) for run in curves[:3]]
    part = replace(PART, curves=[*curves, *best], metric="auroc", published=())
    claim = Claim("BALD is better", ("one", "bald"), ("one", "random"))
    same = Claim("BALD is random", ("one", "bald"), ("one", "bald"), expected=False)
    page = study_page(replace(PAGE, parts=[part], claims=[claim, same], metric="auroc"))
    assert row(page, "| BALD is better ") == (
        "| BALD is better | reproduces: 3 of 3 seeds | +0.130 (+0.118 to +0.145), 3, p = 0.25 |"
    )
    assert "difference of area, AUROC (95 % bootstrap)" in page
    assert "(positive is better)" in page
    assert "Area under the ROC curve (AUROC), mean over seeds" in page
    assert "| bald | 0.600 (0.600 to 0.600) |" in page
    assert "error" not in page
    assert "(0.542 to 1.000)" in row(page, "| random | 0.600")  # no AUROC is above 1
    assert row(page, "| BALD is random ").split("|")[2].strip() == "none above 0.00 seen"
    beats = page.partition("Share of training sizes")[2]
    assert row(beats, "| oracle |") == "| oracle | 0.00 | 0.33 |  |"  # with 30 labels it is beyond chance higher
    assert row(beats, "| random |") == "| random | 0.00 |  | 0.00 |"
    worse = replace(claim, better=claim.worse, worse=claim.better)
    turned = study_page(replace(PAGE, parts=[part], claims=[worse], metric="auroc"))
    assert "**reversed**: 0 of 3 seeds" in row(turned, "| BALD is better ")


def test_what_was_bought_is_told_by_class() -> None:
    part = replace(PART, bought={"bald": Bought({"cat": 3.5, "dog": 16.5}, 0.825)})
    assert "| bald | 3.5 | 16.5 | 82 % |" in study_page(replace(PAGE, parts=[part]))
    assert "most frequent" not in study_page(PAGE)
