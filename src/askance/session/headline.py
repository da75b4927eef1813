"""The metrics that are shown first, by what a project predicts. No torch."""

from askance.vocab.config import Config

WORDS = {
    "accuracy": "accuracy",
    "nll": "nll",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "map": "mAP",
    "ap50": "AP50",
    "ap": "AP",
    "recall": "recall",
}
"""What people call them."""


def headline(config: Config) -> tuple[str, ...]:
    """The metrics to show of a model, the one that counts first.

    Of images that may have several labels `accuracy` is the share whose labels are all right.

    >>> from askance.vocab.config import PoolConfig
    >>> headline(Config(pool=PoolConfig(source="."), task="detection"))
    ('ap50', 'ap', 'recall')
    """
    if config.task == "detection":
        return ("ap50", "ap", "recall")
    return ("macro_f1", "map", "accuracy") if config.several else ("accuracy", "nll", "macro_recall")
