"""Names that are read from source are those of the catalogues."""

import subprocess
import sys

import pytest

from askance.acquisition import acquisitions
from askance.loop import names
from askance.selection import selections
from askance.vocab.listing import listed


@pytest.mark.parametrize(
    ("package", "name", "catalogue"),
    [
        ("askance.acquisition", "acquisitions", acquisitions),
        ("askance.selection", "selections", selections),
    ],
)
def test_what_is_listed_is_what_is_entered(package, name, catalogue):
    found = listed(package, name)
    assert found.kind == catalogue.kind
    assert dict(found.aliases) == dict(catalogue.aliases)
    assert set(found.names()) == set(catalogue.names())
    for entry in found:
        real = catalogue[entry.name]
        assert (entry.needs, entry.options, entry.summary) == (real.needs, real.options, real.summary)


def test_what_a_person_entered_is_found_where_the_room_is_imported(monkeypatch):
    monkeypatch.setattr(acquisitions, "_entries", dict(acquisitions._entries))

    @acquisitions
    def of_my_own(draws):
        """Mine."""

    assert "of-my-own" in names.acquisitions
    assert names.acquisitions["of-my-own"].needs == {"draws"}


def test_names_cost_no_room():
    code = """
import sys
from askance.loop.strategy import Strategy
assert "targets" not in Strategy.parse("power:bald").asks
print(sorted({"torch", "askance.acquisition", "askance.selection", "askance.maths"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
