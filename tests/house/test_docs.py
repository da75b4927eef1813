"""The documentation says what the code does, or the build fails."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import pytest

import askance
from askance.acquisition import acquisitions
from askance.selection import selections
from tools import api_pages, write_docs
from tools.rules import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
ROOMS = sorted(path.parent.name for path in (ROOT / "src/askance").glob("*/__init__.py"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def examples(path: Path) -> str:
    """The `>>>` blocks of a page, with everything else blank, so that line numbers stay."""
    text = path.read_text()
    kept = ["" for _ in text.splitlines()]
    for found in FENCE.finditer(text):
        if ">>> " in found[2]:
            first = text.count("\n", 0, found.start(2))
            for offset, line in enumerate(found[2].splitlines()):
                kept[first + offset] = line
    return "\n".join(kept)


def failures(path: Path, called: str) -> str:
    """What doctest says of a page's examples, empty if all is well."""
    test = doctest.DocTestParser().get_doctest(examples(path), {}, called, str(path), 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append)
    return "".join(said)


@pytest.fixture
def catalogues():
    """What an example enters in a catalogue goes again."""
    before = [(one, dict(one._entries)) for one in (acquisitions, selections)]
    yield
    for one, entries in before:
        one._entries.clear()
        one._entries.update(entries)


@pytest.mark.parametrize("page", [p for p in PAGES if examples(p).strip()], ids=name)
def test_examples_give_what_they_say(page, tmp_path, monkeypatch, catalogues):
    monkeypatch.chdir(tmp_path)
    if said := failures(page, name(page)):
        pytest.fail(said, pytrace=False)


def test_an_example_that_lies_is_found_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Sums\n\n```python\n>>> 1 + 1\n2\n```\n\n```python\n>>> 1 + 2\n4\n```\n")
    said = failures(page, "page.md")
    assert "line 9" in said
    assert said.count("Failed example") == 1


@pytest.mark.parametrize("page", write_docs.PAGES)
def test_generated_pages_are_fresh(page):
    assert (DOCS / page).read_text() == write_docs.PAGES[page](), "run make docs"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_page(room):
    assert (DOCS / f"{room}.md").read_text().startswith("# ")


def test_every_command_and_option_that_a_page_shows_is_real():
    commands = write_docs.commands()
    unknown = []
    for page in PAGES:
        for block in (
            found[2] for found in FENCE.finditer(page.read_text()) if found[1] in {"console", "sh", "bash"}
        ):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words[:1] == ["askance"] and not known(words[1:], commands):
                    unknown.append(f"{name(page)}: {line}")
    assert unknown == []


def known(words: list[str], commands: dict) -> bool:
    if words[:1] in (["--help"], ["--version"], ["COMMAND"]):
        return True
    if not words or words[0] not in commands:
        return False
    real = {"--help"} | {n for p in commands[words[0]].params for n in [*p.opts, *p.secondary_opts]}
    return {word.split("=")[0] for word in words[1:] if word.startswith("-")} <= real


@pytest.mark.parametrize(
    ("line", "real"),
    [
        ("status", True),
        ("status --project here", True),
        ("status --projects=here", False),
        ("statuses", False),
        ("--help", True),
    ],
)
def test_an_unknown_command_or_option_is_found(line, real):
    assert known(line.split(), write_docs.commands()) is real


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_files_lead_somewhere(page):
    targets = [link.split("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


def test_contributing_fits_a_screen():
    assert (ROOT / "CONTRIBUTING.md").read_text().count("\n") <= 50


def build(site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_and_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(write_docs.PAGES)
    loaded = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"((?:https?:)?//[^\"]+)")
    assert {found for page in pages for found in loaded.findall(page.read_text())} == set()
    sheets = "".join(sheet.read_text() for sheet in site.rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//", sheets) == []


def public_names() -> list[str]:
    """Every name that the package and its rooms export, where it is written."""
    rooms = [room for room in ROOMS if hasattr(import_module(f"askance.{room}"), "__all__")]
    found = [
        api_pages.place(f"askance.{room}", one)
        for room in rooms
        for one in import_module(f"askance.{room}").__all__
    ]
    return [*found, *(api_pages.place(askance._HOME[one], one) for one in askance.__all__)]


def test_every_public_name_is_in_the_reference_with_its_docstring(site):
    inventory = (site / "objects.inv").read_bytes()
    listed = zlib.decompress(inventory[inventory.index(b"zlib.\n") + 6 :]).decode()
    known = {line.split(" ")[0] for line in listed.splitlines()}
    assert [one for one in public_names() if one not in known] == []
    pages = "".join(page.read_text() for page in (site / "api").rglob("*.html"))
    for some in ("Class log-probabilities of images under K dropout masks", "Mutual information of the label"):
        assert some in pages


def test_a_search_finds_words_of_pages_and_of_docstrings(site):
    index = (site / "search/search_index.js").read_text()
    assert "unreadable" in index
    assert "PowerBALD" in index


def test_the_build_stops_at_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Start\n\n[Lost](index.md#lost)\n")
    settings = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[0]
    (tmp_path / "mkdocs.yml").write_text(settings)
    done = build(tmp_path / "site", tmp_path)
    assert done.returncode == 1
    assert "#lost" in done.stdout + done.stderr


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    assert [name(page) for page in DOCS.rglob("*.md") if str(page.relative_to(DOCS)) not in nav] == []
