"""What a model gets wrong, how sure it may be, and which held-out labels it doubts.

Letters: n images, C classes.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askance.maths import (
    adaptive_calibration_error,
    apply_temperature,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    probably_right,
    reliability_table,
    suspected_errors,
)
from askance.tasks.classification.answers import Answers
from askance.vocab import Diagnosis, Suspect


def diagnosis(val: Answers, test: Answers, classes: Sequence[str]) -> Diagnosis:
    """A diagnosis from what the mean of the draws says of the validation and the test images; either may be empty.

    The temperature is fitted on validation and tried on test. Labels of both are doubted by confident learning
    (`maths.suspected_errors`): no weight was fitted to either, so what is said of them is out of sample.
    """
    temperature = fit_temperature(val.mean, val.targets) if len(val.ids) else None
    at_it = None if temperature is None or not len(test.ids) else apply_temperature(test.mean, temperature)
    counts = _confusion(test, len(classes))
    some = len(test.ids) > 0
    return Diagnosis(
        classes=tuple(classes),
        tested=len(test.ids),
        validated=len(val.ids),
        confusion=tuple(map(tuple, counts.tolist())) if some else (),
        recall=_shares(counts.diag(), counts.sum(dim=1)) if some else (),
        precision=_shares(counts.diag(), counts.sum(dim=0)) if some else (),
        temperature=temperature,
        before=reliability_table(test.mean, test.targets) if some else None,
        after=reliability_table(at_it, test.targets) if at_it is not None else None,
        scores_before=_scores(test.mean, test.targets) if some else {},
        scores_after=_scores(at_it, test.targets) if at_it is not None else {},
        doubtable=len(val.ids) + len(test.ids),
        suspects=_suspects(val, test, classes),
        answers=_answers(test, classes) if some else {},
    )


def _answers(said: Answers, classes: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Image -> the class it is labelled, and the class it is predicted."""
    pairs = zip(said.ids, said.targets.tolist(), said.mean.argmax(dim=1).tolist(), strict=True)
    return {name: (classes[target], classes[predicted]) for name, target, predicted in pairs}


def _confusion(said: Answers, n_classes: int) -> Int[Tensor, "C C"]:
    """Images by label (row) and prediction (column)."""
    if not len(said.ids):
        return torch.zeros(n_classes, n_classes, dtype=torch.long)
    cells = said.targets * n_classes + said.mean.argmax(dim=1)
    return torch.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def _shares(part: Int[Tensor, "C"], whole: Int[Tensor, "C"]) -> tuple[float | None, ...]:
    return tuple(p / w if w else None for p, w in zip(part.tolist(), whole.tolist(), strict=True))


def _scores(log_probs: Float[Tensor, "n C"], targets: Int[Tensor, "n"]) -> Mapping[str, float]:
    return {
        "nll": float(-log_probs.gather(1, targets[:, None]).mean()),
        "ece": expected_calibration_error(log_probs, targets),
        "adaptive_ece": adaptive_calibration_error(log_probs, targets),
        "classwise_ece": float(classwise_calibration_error(log_probs, targets).mean()),
        "brier": brier_score(log_probs, targets),
    }


def _suspects(val: Answers, test: Answers, classes: Sequence[str]) -> tuple[Suspect, ...]:
    parts = [part for part in (val, test) if len(part.ids)]
    if not parts:
        return ()
    log_probs, targets = torch.cat([p.mean for p in parts]), torch.cat([p.targets for p in parts])
    ids = [*val.ids, *test.ids]
    found = suspected_errors(log_probs, targets)
    own = log_probs.exp()
    right = probably_right(log_probs, targets) if len(classes) > 1 else torch.ones(len(ids))
    return tuple(
        Suspect(
            image_id=ids[place],
            split="val" if place < len(val.ids) else "test",
            given=classes[int(targets[place])],
            suggested=classes[suggested],
            self_confidence=float(own[place, int(targets[place])]),
            confidence=float(own[place, suggested]),
            right=float(right[place]),
        )
        for place, suggested in zip(found.places.tolist(), found.suggested.tolist(), strict=True)
    )
