"""One look with a real browser: it renders, at a desk and on a telephone, without a word on the console."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askance.report import ReportData, write_report

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
