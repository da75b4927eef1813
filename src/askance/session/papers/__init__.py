"""The field's reference experiments: what is run, what the papers printed, and what is not as they had it."""

from collections.abc import Callable

from askance.session.papers.batchbald2019 import batchbald2019
from askance.session.papers.gal2017 import gal2017
from askance.session.studies import Study

PAPERS: dict[str, Callable[..., Study]] = {"gal2017": gal2017, "batchbald2019": batchbald2019}
"""What `askance bench` runs: `(mnist_folder, quick=...) -> Study`."""

__all__ = ["PAPERS", "batchbald2019", "gal2017"]
