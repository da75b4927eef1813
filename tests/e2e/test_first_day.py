"""The first day as README tells it, on real photographs."""

import re

import pytest

from tests.e2e.first_day import accuracies, first_day, prepare


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.timeout(900)
def test_from_a_flat_folder_without_labels_through_three_rounds(tmp_path, shared_data):
    walk = prepare(tmp_path / "day", shared_data, each=40)
    walk("askance init photos")
    first_day(walk, 15, 60)
    said = dict(walk.said)
    assert "network: mobilenetv2_100.ra_in1k" in said["askance init photos"]
    assert "by uncertainty-herding" in walk.said[1][1]
    assert "15 new" in said["askance import batch-0003"]
    got = accuracies(walk.place / "photos-askance")
    assert list(got) == [15, 30, 45, 60]
    assert got[60] > 0.5  # of six classes by chance 0.17
    assert got[60] > got[15]
    report = said["askance report"]
    assert re.search(r"reports.round-0004\.html", report)
    assert (walk.place / "photos-askance/reports/round-0004.html").stat().st_size > 50_000
