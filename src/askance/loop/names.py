"""The catalogues of scores and selections as far as names and needs go, which costs no torch.

Where the rooms have been imported these are the catalogues themselves, with whatever else was entered.
"""

import sys
from collections.abc import Callable

from askance.vocab import Catalogue, Entry
from askance.vocab.listing import listed


class Names:
    """A catalogue's names and needs.

    Args:
        room: whose it is.
        catalogue: its name there.

    >>> selections["topk"].name, "bald" in acquisitions
    ('top-k', True)
    """

    def __init__(self, room: str, catalogue: str) -> None:
        self._room, self._catalogue = room, catalogue

    def __getitem__(self, name: str) -> Entry[Callable[..., object]]:
        """The entry of that name or alias, or an error that names the nearest."""
        return self._found()[name]

    def __contains__(self, name: object) -> bool:
        """Whether a name or an alias is found."""
        return name in self._found()

    def names(self) -> list[str]:
        """All names; aliases are left out."""
        return self._found().names()

    def _found(self) -> Catalogue[Callable[..., object]]:
        room = sys.modules.get(self._room)
        found: Catalogue[Callable[..., object]] | None = getattr(room, self._catalogue, None)
        return listed(self._room, self._catalogue) if found is None else found


acquisitions = Names("askance.acquisition", "acquisitions")
selections = Names("askance.selection", "selections")
