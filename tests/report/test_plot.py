import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from askance.maths import paired_difference
from askance.report import plot_curves
from askance.report.drawing import Look
from askance.report.ink import PAPER, SERIES, STRATEGIES, places
from askance.report.plot import band_svg, curves_figure, curves_svg, differences_svg
from askance.vocab import ConfigError, Curve, CurveError
from tests.report.conftest import make_curve


def test_png_is_written_at_its_size_and_again_the_same(curves: list[Curve], tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        plot_curves(curves, tmp_path / name, targets=(0.1,))
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert Image.open(io.BytesIO(first)).size == (1280, 768)


def test_svg_is_xml_and_again_the_same(curves: list[Curve], tmp_path: Path) -> None:
    for name in ("a.svg", "b.SVG"):
        plot_curves(curves, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.SVG").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


def test_draws_the_mean_the_band_and_every_seed(curves: list[Curve]) -> None:
    axes = curves_figure(curves, Look(8, 4.8, PAPER, "error"), reference="random", targets=(0.1, 1e-6)).axes[0]
    thick = dict(zip(("bald", "random"), (line for line in axes.lines if line.get_linewidth() > 2), strict=True))
    thin = [line for line in axes.lines if line.get_linewidth() == 0.8]
    bald = [c.metrics["error"] for c in curves if c.strategy == "bald"]
    assert np.asarray(thick["bald"].get_ydata()) == pytest.approx(np.mean(bald, axis=0))
    assert [tuple(np.asarray(line.get_ydata())) for line in thin[:3]] == bald
    assert len(thin) == 6
    assert len(axes.collections) == 2
    assert thick["random"].get_color() == PAPER.reference
    dotted = [tuple(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert dotted == [(0.1, 0.1)]  # the other is reached by nobody


def test_names_stand_apart_even_where_lines_end_together() -> None:
    curves = [make_curve(f"s{i}", 0, 30 + i / 1000) for i in range(5)]
    axes = curves_figure(curves, Look(8, 4.8, PAPER, "error"), reference="random", targets=()).axes[0]
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert len(heights) == 5
    assert min(np.diff(heights)) * 4.8 * 72 * 0.78 >= 13.9


@pytest.mark.parametrize(
    ("metric", "values"),
    [("ap50", (0.3955, 0.3949)), ("ap50", (0.4, 0.4)), ("nll", (1.5004, 1.5003)), ("nll", (0.0, 0.0))],
)
def test_next_to_no_difference_is_not_drawn_as_one(metric: str, values: tuple[float, float]) -> None:
    curve = Curve("bald", 0, (10, 20), {metric: values})
    axes = curves_figure([curve], Look(8, 4.8, PAPER, metric), reference="random", targets=()).axes[0]
    low, high = axes.get_ylim()
    assert high - low >= 0.02 * (1 if metric == "ap50" else max(values))
    assert high - low > 10 * (max(values) - min(values))
    shown = [axes.yaxis.get_major_formatter()(tick, i) for i, tick in enumerate(axes.get_yticks())]
    assert len(set(shown)) == len(shown) > 1


@pytest.mark.parametrize(("metric", "scale"), [("error", "log"), ("accuracy", "linear")])
def test_only_what_falls_towards_zero_is_logarithmic(curves: list[Curve], metric: str, scale: str) -> None:
    axes = curves_figure(curves, Look(8, 4.8, PAPER, metric), reference="random", targets=()).axes[0]
    assert axes.get_yscale() == scale


@pytest.mark.parametrize("values", [(0.0, 0.0), (0.2, 0.2), (float("nan"), 0.1)])
def test_flat_zero_and_missing_values_are_drawn(tmp_path: Path, values: tuple[float, ...]) -> None:
    plot_curves([Curve("a", 0, (10, 20), {"error": values})], tmp_path / "a.png")
    plot_curves([Curve("a", 0, (10,), {"error": values[:1]})], tmp_path / "b.png")


def test_names_are_text_whatever_stands_in_them(tmp_path: Path) -> None:
    names = ("$x^$", "<script>alert(1)</script>", "_hidden", "a&b")
    curves = [make_curve(name, 0, 30) for name in names]
    plot_curves(curves, tmp_path / "a.svg")
    for narrow in (False, True):
        svg = curves_svg(curves, metric="error", reference="random", targets=(), narrow=narrow)
        assert "<script" not in svg
        texts = {text.text for text in ElementTree.fromstring(svg.replace("xlink:", "")).iter("text")}
        assert texts >= set(names)


def test_an_inline_svg_takes_the_colours_of_its_page(curves: list[Curve]) -> None:
    svg = curves_svg(curves, metric="error", reference="random", targets=(), narrow=False)
    assert f"var(--series-{STRATEGIES['bald']})" in svg
    assert "var(--reference)" in svg
    assert "#0102" not in svg
    assert "#0101" not in svg
    assert "http" not in svg


def test_pictures_of_one_page_share_no_id(curves: list[Curve]) -> None:
    band = paired_difference(curves[:3], curves[3:], "error", generator=np.random.default_rng(0))
    pictures = [
        curves_svg(curves, metric="error", reference="random", targets=(), narrow=False),
        curves_svg(curves, metric="error", reference="random", targets=(), narrow=True),
        differences_svg({"bald": band}, metric="error", narrow=False),
    ]
    ids = [
        node.get("id")
        for picture in pictures
        for node in ElementTree.fromstring(picture.replace("xlink:", "")).iter()
        if node.get("id")
    ]
    assert ids
    assert len(ids) == len(set(ids))


def test_refusals(curves: list[Curve], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="png"):
        plot_curves(curves, tmp_path / "a.pdf")
    with pytest.raises(CurveError, match="auroc"):
        plot_curves(curves, tmp_path / "a.png", metric="auroc")
    with pytest.raises(CurveError, match="none"):
        plot_curves([], tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_at_most_five_strategies_stand_together_and_the_reference_in_each_panel() -> None:
    names = ["random", *(f"arm {i}" for i in range(11))]
    curves = [Curve(name, 0, (10, 20), {"error": (0.5, 0.4 - i / 50)}) for i, name in enumerate(names)]
    figure = curves_figure(curves, Look(9.6, 4.6, PAPER, "error"), reference="random", targets=())
    panels = [{text.get_text() for text in axes.texts} for axes in figure.axes if axes.get_visible()]
    assert [len(panel) for panel in panels] == [5, 4, 5]
    assert all("random" in panel for panel in panels)
    assert panels[0] == {"random", "arm 10", "arm 9", "arm 8", "arm 7"}  # the best first
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_strategy_has_one_colour_whatever_stands_beside_it() -> None:
    everything = places([*STRATEGIES, "random", "class-balanced-random", "mine"])
    for name in everything:
        assert places([name, "random"])[name] == everything[name]
    assert len(set(everything.values())) == len(everything)
    assert PAPER.stroke(everything["random"])[0] == PAPER.stroke(everything["class-balanced-random"])[0]
    assert PAPER.stroke(everything["uncertainty-herding"])[0] == SERIES[0]


def test_of_many_strategies_no_two_are_drawn_alike() -> None:
    names = ["random", *STRATEGIES, *(f"arm {i}" for i in range(11)), "badge:bald", "badge:margin"]
    found = places(names)
    strokes = [str(PAPER.stroke(found[name])) for name in names]
    assert len(set(strokes)) == len(names)


def test_a_project_is_not_drawn_across_a_break() -> None:
    from askance.maths import Band

    one = Band((10, 20), (0.5, 0.6), (0.4, 0.5), (0.6, 0.7), (50, 50))
    other = Band((30,), (0.4,), (0.3,), (0.5,), (90,))
    whole = Band((10, 20, 30), (0.5, 0.6, 0.4), (0.4, 0.5, 0.3), (0.6, 0.7, 0.5), (50, 50, 90))
    broken = band_svg([one, other], metric="accuracy", targets=(), narrow=False)
    joined = band_svg([whole], metric="accuracy", targets=(), narrow=False)
    assert _longest_line(broken) == 2
    assert _longest_line(joined) == 3


def _longest_line(svg: str) -> int:
    """Points of the longest line in the series' colour."""
    drawn = list(ElementTree.fromstring(svg.replace("xlink:", "")).iter("path"))
    lines = [node.get("d", "") for node in drawn if "stroke-width: 2.2" in (node.get("style") or "")]
    return max(line.count("L") + line.count("M") for line in lines)


@pytest.mark.parametrize("title", ["Digits: margin better than random", "A title " * 30])
def test_a_title_stands_over_the_plot(curves: list[Curve], tmp_path: Path, title: str) -> None:
    plot_curves(curves, tmp_path / "a.svg", title=title)
    comments = (tmp_path / "a.svg").read_text()
    assert title.split(maxsplit=1)[0] in comments
    assert "mean of 3 seeds, 95 % interval" in comments
