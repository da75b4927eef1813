import math

import pytest

from askance.maths import wilson


def test_wilson_against_the_equation_it_solves() -> None:
    for share, n in ((0.1, 50), (0.5, 10), (0.99, 400)):
        for bound in wilson(share, n):
            assert abs(share - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / n), rel=1e-6)
    assert wilson(1.0, 5)[1] == 1.0
