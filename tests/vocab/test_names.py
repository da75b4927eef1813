"""One rule of names."""

import pytest

from askance.vocab.names import tidy


@pytest.mark.parametrize("around", [" ", "\n", "\t \u00a0", "\ufeff", "\u200b\u2060", "\u3000"])
def test_what_nobody_sees_is_no_part_of_a_name(around):
    assert tidy(f"{around}Müll 1{around}") == "Müll 1"
    assert tidy(around) == ""
    assert tidy(f"a{around}b") == f"a{around}b"


@pytest.mark.timeout(30)
def test_a_long_run_of_spaces_inside_is_gone_through_once():
    """By the square of its length it would take a quarter of an hour."""
    name = "a" + "\n" * 300_000 + "b"
    assert tidy(name) == name
