"""The catalogue: entering is decorating, and what is asked for wrongly is explained."""

import pytest

from askance.vocab import Catalogue, ConfigError


@pytest.fixture
def tools() -> Catalogue:
    tools = Catalogue("tool", aliases={"mallet": "soft-hammer"})

    @tools
    def soft_hammer(wood, *, weight, handle="ash"):
        """Hits without a mark.

        More is said here.
        """
        return wood, weight, handle

    @tools
    def saw(wood):
        return wood

    return tools


def test_names_needs_and_summaries_come_from_the_function(tools: Catalogue):
    hammer, saw = tools
    assert (hammer.name, hammer.needs, hammer.options) == ("soft-hammer", {"wood", "weight"}, {"handle"})
    assert hammer.summary == "Hits without a mark."
    assert (saw.name, saw.needs, saw.options, saw.summary) == ("saw", {"wood"}, frozenset(), "")
    assert tools.names() == ["soft-hammer", "saw"]
    assert len(tools) == 2


def test_a_decorated_function_stays_itself():
    def plane(wood): ...

    assert Catalogue("tool")(plane) is plane


@pytest.mark.parametrize("name", ["soft-hammer", "soft_hammer", "mallet"])
def test_finds_by_name_with_hyphens_or_underscores_and_by_alias(tools: Catalogue, name: str):
    assert tools[name].name == "soft-hammer"
    assert name in tools


def test_an_alias_is_not_listed(tools: Catalogue):
    assert "mallet" not in tools.names()
    assert dict(tools.aliases) == {"mallet": "soft-hammer"}


@pytest.mark.parametrize(("name", "nearest"), [("sow", "saw"), ("soft-hamer", "soft-hammer"), ("malet", "mallet")])
def test_a_wrong_name_is_told_the_nearest(tools: Catalogue, name: str, nearest: str):
    assert name not in tools
    with pytest.raises(ConfigError, match=f"did you mean {nearest}") as caught:
        tools[name]
    assert "soft-hammer, saw" in caught.value.wanted
    assert caught.value.got == name


def test_a_name_like_none_is_told_to_choose(tools: Catalogue):
    with pytest.raises(ConfigError, match="choose"):
        tools["xyzzy"]


def test_a_name_is_entered_once(tools: Catalogue):
    def saw(wood): ...

    def mallet(wood): ...

    for function in (saw, mallet):
        with pytest.raises(ConfigError, match=function.__name__):
            tools(function)


def test_arguments_are_the_needs_out_of_what_is_offered(tools: Catalogue):
    offered = {"wood": "oak", "weight": 2, "nails": 7}
    assert tools["saw"].arguments(offered) == {"wood": "oak"}
    hammer = tools["soft-hammer"]
    assert hammer.function(**hammer.arguments(offered)) == ("oak", 2, "ash")
    assert hammer.function(**hammer.arguments(offered, {"handle": "elm"})) == ("oak", 2, "elm")


@pytest.mark.parametrize("offered", [{"wood": "oak"}, {"wood": "oak", "weight": None}])
def test_a_need_that_is_not_met_is_named(tools: Catalogue, offered: dict[str, object]):
    with pytest.raises(ConfigError, match="no weight") as caught:
        tools["mallet"].arguments(offered)
    assert caught.value.fix == "give weight=..."


def test_zero_and_empty_are_not_missing(tools: Catalogue):
    assert tools["soft-hammer"].arguments({"wood": [], "weight": 0}) == {"wood": [], "weight": 0}


@pytest.mark.parametrize("name", ["saw", "soft-hammer"])
def test_a_foreign_option_is_named(tools: Catalogue, name: str):
    with pytest.raises(ConfigError, match="colour"):
        tools[name].arguments({"wood": "oak", "weight": 2}, {"colour": "red"})
