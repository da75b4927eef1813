"""A look with a real browser: it renders, at a desk and on a telephone, and nothing is in anybody's way."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askance.report import ReportData, write_report
from askance.report.data import SECTIONS
from tests.report.conftest import make_diagnosis

LOOKING = (Path(__file__).parent / "looking.js").read_text()
DRIVER = shutil.which("chromedriver")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on this machine"),
]


@pytest.mark.parametrize("width", [1280, 500])
def test_renders_without_console_errors(full: ReportData, tmp_path: Path, width: int) -> None:
    assert CHROMIUM is not None
    write_report(tmp_path / "report.html", full)
    done = subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},4000",
            f"--screenshot={tmp_path / 'shot.png'}",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    pixels = np.asarray(Image.open(tmp_path / "shot.png").convert("RGB"))
    assert pixels.shape == (4000, width, 3)
    assert (pixels[:, -12:] == pixels[0, -1]).all()  # nothing sticks out at the right
    blue = (np.abs(pixels.astype(int) - (0, 114, 178)).max(axis=2) < 12).sum()
    assert blue > 400  # the first strategy's line, in the page's own colour


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser that can be asked things."""
    if DRIVER is None:
        pytest.skip("no chromedriver on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    opened.set_script_timeout(60)
    yield opened
    opened.quit()


def look(browser: Any, page: Path, width: int, scheme: str) -> list[str]:
    """What is wrong with a page at a width, in light or dark."""
    size = {"width": width, "height": 1500, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    return list(browser.execute_async_script(LOOKING))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_overflows_is_missing_or_pale(
    browser: Any, full: ReportData, tmp_path: Path, width: int, scheme: str
) -> None:
    page = tmp_path / "report.html"
    for classes in (full.classes, tuple(f"a class of a long name {i}" for i in range(20))):
        doubts = [replace(full.doubts[0], given="cardboard", suggested="polypropylene")]
        write_report(page, replace(full, doubts=doubts, diagnosis=make_diagnosis(tuple(classes))))
        assert look(browser, page, width, scheme) == []
    write_report(page, ReportData("t", absent=dict.fromkeys(SECTIONS, "There is nothing here.")))
    assert look(browser, page, width, scheme) == []


def test_fifty_classes_fit_a_desk(browser: Any, tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", ReportData("t", diagnosis=make_diagnosis(tuple(f"c{i}" for i in range(50)))))
    assert look(browser, tmp_path / "a.html", 1280, "light") == []
    browser.execute_script("window.box = document.querySelector('.confusion').parentElement")
    wide = "return box.scrollWidth - box.clientWidth"
    assert browser.execute_script(wide) <= 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (".muted { color: #ccc !important }", "contrast"),
        ("h2 { width: 3rem; overflow-wrap: anywhere }", "a word is broken: Calibration"),
        (".lead { width: 2000px; max-width: none }", "wide in"),
        (".confusion td { max-width: 2px; min-width: 0 !important; overflow: hidden; display: block }", "cut off"),
    ],
)
def test_a_fault_is_found(browser: Any, full: ReportData, tmp_path: Path, fault: str, said: str) -> None:
    write_report(tmp_path / "a.html", full)
    html = (tmp_path / "a.html").read_text()
    (tmp_path / "a.html").write_text(html.replace("</style>", f"{fault}</style>", 1))
    assert any(said in one for one in look(browser, tmp_path / "a.html", 1280, "light"))


def test_a_missing_picture_is_found(browser: Any, full: ReportData, tmp_path: Path) -> None:
    doubts = [replace(full.doubts[0], thumbnail=b"no picture at all")]
    write_report(tmp_path / "a.html", replace(full, doubts=doubts))
    assert any("image is missing" in one for one in look(browser, tmp_path / "a.html", 1280, "light"))
