"""What no room has met ends in three lines, with the whole story in a file whose place is said."""

import errno
import os
import subprocess
import sys

import pytest

from askance.cli import last_door
from askance.cli.last_door import explained
from askance.cli.show import Screen, visible
from askance.vocab import ConfigError

RUN = """
import sys
from askance.cli import main, status
def fail(project="."):
    {raises}
main.app.command("fail")(fail)
sys.argv = ["askance", "fail"]
main.main()
"""


def run(raises, folder, **more):
    environment = {**os.environ, "COLUMNS": "500", "TMPDIR": str(folder), **more}
    return subprocess.run(
        [sys.executable, "-c", RUN.format(raises=raises)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )


def test_an_error_nobody_foresaw_is_three_lines_and_a_file(tmp_path):
    done = run('raise ZeroDivisionError("a fault at postgresql://anna:secret@host/db")', tmp_path)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["wanted", "got", "fix"]
    assert "ZeroDivisionError: a fault at postgresql://anna:***@host/db" in done.stderr
    (file,) = tmp_path.glob("askance-error-*.txt")
    assert str(file) in done.stderr
    assert "Traceback" in file.read_text()
    assert "secret" not in file.read_text()


def test_the_file_is_in_the_project_and_takes_nobody_s_place(tmp_path):
    (tmp_path / "askance.toml").write_text('[pool]\nsource = "x"\n')
    assert str(tmp_path / "askance-error.txt") in run('raise KeyError("a")', tmp_path).stderr
    assert "KeyError" in (tmp_path / "askance-error.txt").read_text()
    assert str(tmp_path / "askance-error.txt") in run('raise KeyError("b")', tmp_path).stderr
    (tmp_path / "askance-error.txt").write_text("mine")
    run('raise KeyError("c")', tmp_path)
    assert (tmp_path / "askance-error.txt").read_text() == "mine"


def test_a_variable_shows_the_whole_story(tmp_path):
    done = run("raise KeyError('a')", tmp_path, ASKANCE_TRACEBACK="1")
    assert "Traceback (most recent call last)" in done.stderr


@pytest.mark.parametrize(
    ("error", "wanted", "fix"),
    [
        (OSError(errno.EIO, "Input/output error", "rows.f2"), "to read or write rows.f2", "look after that disk"),
        (OSError(errno.EMFILE, "Too many open files"), "to read or write", "ulimit -n"),
        (MemoryError(), "enough memory", "lower train.batch"),
        (RuntimeError("CUDA out of memory. Tried"), "enough memory", "lower train.batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "enough memory", "lower train.batch"),
        (RecursionError("maximum recursion depth exceeded"), "nested so deeply", "askance doctor"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates"), "UTF-8", "rename"),
        (KeyError("x"), "to run to its end", "report it"),
    ],
)
def test_each_kind_says_what_to_do(error, wanted, fix):
    told = explained(error, None)
    assert wanted in told.wanted
    assert fix in told.fix


def test_a_command_that_was_stopped_says_that_nothing_is_lost(tmp_path):
    done = run("raise KeyboardInterrupt", tmp_path)
    assert done.returncode == last_door.STOPPED
    assert "Nothing is lost" in done.stderr
    assert "Traceback" not in done.stderr


def askance(*words, stdout=subprocess.PIPE, **more):
    return subprocess.run(
        [sys.executable, "-m", "askance", *words],
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "500", **more},
    )


def test_words_that_are_no_command_are_told_in_three_lines():
    done = askance("simulate", "--seeds", "0")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["wanted", "got", "fix"]
    assert "'--seeds'" in done.stderr
    assert "Value error" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_for_what_is_printed_is_told(tmp_path):
    with open("/dev/full", "w") as full:
        done = askance("models", stdout=full, TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_terminal_without_these_letters_shows_them_spelt_out(tmp_path):
    (tmp_path / "Bär").mkdir()
    done = askance("status", "-p", str(tmp_path / "Bär"), PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "B\\xe4r" in done.stderr


def test_names_cannot_act_on_a_terminal():
    screen = Screen()
    with screen.capture() as shown:
        screen.print("a\x1b[2Jb \x07\r\u202egpj.exe :cat: [red]x[/] \udcff")
    assert shown.get() == "a\\x1b[2Jb \\x07\\r\\u202egpj.exe :cat: [red]x[/] \\udcff\n"
    assert visible("زن‌ها 👩‍🔬 ü\n") == "زن‌ها 👩‍🔬 ü\n"


def test_a_setting_s_own_check_is_told_in_our_words():
    from askance.loop.settings import check_config

    with pytest.raises(ConfigError) as told:
        check_config({"pool": {"source": "x"}, "model": {"size": -3}}, "askance.toml")
    assert "Value error" not in str(told.value)
