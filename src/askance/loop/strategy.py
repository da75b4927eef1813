"""How a batch is chosen, by name. Names are checked without torch."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from askance.loop.ingredients import BY_ITSELF, DRAWN, OF_MODEL, OF_SCORES, OF_SELECTIONS, OF_UNITS, SEEN
from askance.loop.names import acquisitions, selections
from askance.vocab import ConfigError
from askance.vocab.config import StrategyConfig

if TYPE_CHECKING:
    from askance.maths import Aggregation

AGGREGATIONS = ("mean", "max", "top3-mean", "per-cost")
"""As `maths.Aggregation` has them, which costs torch."""

USUAL: "Aggregation" = "top3-mean"
"""The aggregation where nothing else is said."""

_WEIGHED = "difficulty"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a batch is chosen: a score and a way of picking from scores.

    Attributes:
        acquisition: a name of the acquisition catalogue.
        selection: a name of the selection catalogue.
        draws: K, how many networks are drawn from the posterior.
        aggregation: how the scores of an image's units become the image's; where an image is one unit, alike.
        n_targets: M, how many target images an acquisition is asked about that needs them, as EPIG does.
        beta: how cold a selection by lot is that has a `beta`; None for its own default.
        cost: of an image and of a box, for the aggregation per-cost.
        weighs: whether a unit's score counts by how badly the model does on its class.

    Raises:
        ConfigError: no such acquisition or selection, an acquisition that needs what the loop does not have,
            another than BALD for a selection that looks at draws itself, or a selection that weighs by a power
            scores that may be below zero.
    """

    acquisition: str = "bald"
    selection: str = "top-k"
    draws: int = 100
    aggregation: "Aggregation" = USUAL
    n_targets: int = 200
    beta: float | None = None
    cost: tuple[float, float] = (5.0, 7.0)
    weighs: bool = False

    def __post_init__(self) -> None:
        entry = acquisitions[self.acquisition]  # raises with the nearest name, as the next
        selection = selections[self.selection].name
        if lacking := sorted(entry.needs - OF_SCORES):
            raise ConfigError(
                f"an acquisition of {', '.join(sorted(OF_SCORES))}, which is what the loop has",
                f"{entry.name}, which needs {', '.join(lacking)}",
                f'score("{entry.name}", {lacking[0]}=...) and select(...) in Python',
            )
        if lacking := sorted(self.picks_by - OF_SELECTIONS):
            raise ConfigError(
                f"a selection of {', '.join(sorted(OF_SELECTIONS))}, which is what the loop has",
                f"{selection}, which needs {', '.join(lacking)}",
                f'select("{selection}", {lacking[0]}=...) in Python, or give what it needs a default',
            )
        together = self.picks_together and "scores" not in self.picks_by
        if together and entry.name != (needed := _score_of(selection)):
            raise ConfigError(
                f"bald, which bounds what {selection} looks for in the draws itself"
                if needed == "bald"
                else f"random, for {selection} looks at no score",
                f"{selection} of {self.acquisition}",
                f'{selection} alone (in askance.toml acquisition = "{needed}" too), or top-k:{self.acquisition}',
            )
        if "features" in self.picks_by and not together and entry.name == "random":
            raise ConfigError(
                f"a score that says how much an image is in doubt, for {selection} to weigh",
                "random, which says nothing",
                f"{selection} alone, which weighs by the margin; max-herding, which weighs nothing; or random",
            )
        if "log_density" in self.scores_by and selection in ("power", "uncertainty-herding"):
            raise ConfigError(
                f"scores of zero or more, which {selection} can weigh",
                f"{selection} of {entry.name}, a log density that may have any sign",
                f"softrank:{entry.name}, for which only the order counts; in askance.toml selection = softrank",
            )

    @classmethod
    def of(cls, config: StrategyConfig) -> "Strategy":
        """As settings have it. A selection that looks at no score has its own, where nobody has set another.

        >>> Strategy.of(StrategyConfig(selection="max-herding")).name
        'max-herding'
        """
        acquisition, selection = config.acquisition, selections[config.selection]
        if "scores" not in selection.needs and acquisition in _UNSET:
            acquisition = _score_of(selection.name)
        if acquisition == "random" and {"scores", "features"} <= selection.needs:  # a file that says no more
            selection = selections["random"]
        return cls(
            acquisition,
            selection.name,
            config.draws,
            config.aggregation,
            config.n_targets,
            config.beta,
            (config.cost_image, config.cost_box),
            config.class_weights == "difficulty",
        )

    @classmethod
    def parse(cls, name: str, draws: int = 100, n_targets: int = 200) -> "Strategy":
        """`bald`, `power:bald`, `random`, `batchbald`: a score, a selection of one, or a selection.

        Of images with several units it may say how, after a plus: an aggregation, as in `power:bald+max`, or
        `difficulty`, for units that count by their class.

        >>> Strategy.parse("power:bald").selection
        'power'
        >>> Strategy.parse("bald+per-cost+difficulty").name
        'bald+per-cost+difficulty'

        Raises:
            ConfigError: neither a score nor a selection; and as the class does.
        """
        name, *ways = name.split("+")
        parsed = cls._parsed(name, draws, n_targets)
        for way in ways:
            if way not in (*AGGREGATIONS, _WEIGHED):
                raise ConfigError(
                    f"after a plus one of {', '.join(AGGREGATIONS)}, {_WEIGHED}", way, f"{name}+{AGGREGATIONS[0]}"
                )
            parsed = replace(parsed, **({"weighs": True} if way == _WEIGHED else {"aggregation": way}))
        return parsed

    @classmethod
    def _parsed(cls, name: str, draws: int, n_targets: int) -> "Strategy":
        selection, colon, acquisition = name.rpartition(":")
        if not colon and acquisition not in acquisitions and acquisition not in selections:
            near = get_close_matches(acquisition, [*acquisitions.names(), *selections.names()], n=1)
            raise ConfigError(
                "a strategy: a score, a selection, or both as in power:bald. "
                f"Scores: {', '.join(acquisitions.names())}; selections: {', '.join(selections.names())}",
                name,
                f"did you mean {near[0]}?" if near else "choose one of these names",
            )
        if not colon and acquisition not in acquisitions.names() and acquisition in selections.names():
            if "scores" in selections[acquisition].needs and _score_of(acquisition) == "random":
                raise ConfigError(f"a score to select from, as in {acquisition}:bald", name, "name the score too")
            return cls(_score_of(acquisition), acquisition, draws, n_targets=n_targets)
        return cls(acquisition, selection or "top-k", draws, n_targets=n_targets)

    def check_for(self, task: str, *, several: bool = False) -> None:
        """Refuse what a task's units do not have.

        Args:
            task: as settings have it.
            several: whether an image of classification may have several labels, each a unit.

        Raises:
            ConfigError: something of boxes is asked where there are none, or what is thought of whole images where
                each has many units or none.
        """
        lacking = (
            (self.scores_by & OF_UNITS) | (self.picks_by & {"counts"}) | ({"weight"} if self.weighs else set())
        )
        if task == "classification" and lacking:
            raise ConfigError(
                "a strategy of what classification has: the draws and the features of images",
                f"{self.name}, which needs {', '.join(sorted(lacking))} of boxes",
                'bald, margin or uncertainty-herding; task = "detection" finds boxes',
            )
        if (task != "classification" or several) and "draws" in self.picks_by:
            raise ConfigError(
                "a selection that takes images of several units, or of none",
                f"{self.name}, which looks at the draws of images that are one unit each",
                "uncertainty-herding, which looks at scores and features; power or top-k",
            )

    @property
    def name(self) -> str:
        """As `parse` reads it: `bald`, `power:bald`, `random`, `batchbald`."""
        way = "" if not self.of_units or self.aggregation == USUAL else f"+{self.aggregation}"
        way += f"+{_WEIGHED}" if self.weighs and self.of_units else ""
        return self._name + way

    @property
    def _name(self) -> str:
        selection = selections[self.selection]
        if selection.name == "top-k":
            return self.acquisition
        by_itself = "scores" not in selection.needs or self.acquisition == _score_of(selection.name) != "random"
        return selection.name if by_itself else f"{selection.name}:{self.acquisition}"

    @property
    def scores_by(self) -> frozenset[str]:
        """What its score asks for, by name."""
        return acquisitions[self.acquisition].needs

    @property
    def picks_by(self) -> frozenset[str]:
        """What its selection asks for, by name."""
        return selections[self.selection].needs

    @property
    def asks(self) -> frozenset[str]:
        """All ingredients it asks for; `loop.pantry` makes them.

        >>> sorted(Strategy.parse("uncertainty-herding").asks & OF_MODEL)
        ['draws', 'features', 'labelled']
        """
        return self.scores_by | self.picks_by

    @property
    def looks(self) -> bool:
        """Whether images are looked at for it at all; `random` does not."""
        return bool(self.asks & OF_MODEL) or self.of_units

    @property
    def of_units(self) -> bool:
        """Whether its score is one of units: of their draws, or of what else the task says of them."""
        return bool(self.scores_by & ({"draws"} | OF_UNITS))

    @property
    def draws_units(self) -> bool:
        """Whether the units of images are drawn for it, for their scores or for their classes."""
        return bool(self.asks & DRAWN) or self.of_units

    @property
    def picks_together(self) -> bool:
        """Whether images are picked by more than the score and the class of each."""
        return bool(self.picks_by & (OF_MODEL - BY_ITSELF))

    @property
    def may_start(self) -> bool:
        """Whether it can pick before there is a model, by features alone: all images are then in doubt alike."""
        seen = self.picks_by & OF_MODEL
        return bool(seen) and seen <= SEEN


def _score_of(selection: str) -> str:
    """The acquisition of a selection that is named alone.

    The doubt that a selection of features weighs is the margin; of one that bounds by BALD it is that; the others
    look at no score.
    """
    needs = selections[selection].needs
    if {"scores", "features"} <= needs:
        return "margin"
    return "bald" if "draws" in needs and "features" not in needs else "random"


_UNSET = ("bald", "margin")
"""What a project's acquisition is where nobody has set it; a selection that looks at no score has its own."""
