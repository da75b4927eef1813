"""What shape of input most images of a pool fit into."""

import pytest

from askance.pool.shapes import commonest_input


@pytest.mark.parametrize(
    ("sizes", "longer", "found"),
    [
        ([], 320, (320, 320)),
        ([(500, 500)] * 3, 320, (320, 320)),
        ([(640, 480)] * 9 + [(100, 100)], 320, (320, 256)),  # 320 / 1.3 = 246, up to a multiple of 32
        ([(480, 640)] * 9 + [(100, 100)], 320, (256, 320)),
        ([(1920, 1080)] * 5, 640, (640, 384)),  # 1.8: 355.6
        ([(3200, 100)] * 5, 320, (320, 32)),  # never less than one step
        ([(640, 480)] * 4 + [(480, 640)], 320, (320, 256)),  # a fifth across is no more than a fifth
        ([(640, 480)] * 3 + [(480, 640)], 320, (320, 320)),
        ([(640, 480)] * 5 + [(500, 500)] * 5, 320, (320, 320)),  # as many: the squarer
        ([(640, 480)] * 5 + [(1280, 640)] * 4, 320, (320, 256)),  # the commonest, not the mean
    ],
)
def test_most_images_fit_with_little_to_fill(sizes, longer, found):
    assert commonest_input(sizes, longer) == found
    assert commonest_input(reversed(sizes), longer) == found
