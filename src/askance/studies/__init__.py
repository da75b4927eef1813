"""Experiments on papers' data and on one's own: what `askance simulate` and `askance bench` do."""
