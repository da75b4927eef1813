"""Several processes, killed and starved: whatever was acknowledged is there."""

import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from askance.store import Store
from askance.vocab import Busy

from .made import image_id, label, sighting

HEAD = """
import os, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from askance.store import Store
from askance.vocab import Label, LabelError, StoreError

def say(*words):
    print(*words, flush=True)

def label(image_id, value):
    return Label(image_id, value, "child", datetime.now(UTC), "page")

store = Store.open(sys.argv[1])
"""

LABEL_ON = """
for image_id in store.images():
    store.add_labels([label(image_id, "cat")])
    say(image_id)
"""

LABEL_ALL = """
sys.stdin.readline()
say(sum(store.add_labels([label(image_id, sys.argv[2])]).new for image_id in store.images()))
"""

HOLD_A_JOB = """
with store.job("train"):
    say("begun")
    sys.stdin.readline()
"""

LABEL_TILL_FULL = """
size = Path(sys.argv[2]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, size + 60_000))
try:
    for image_id in store.images():
        store.add_labels([label(image_id, "cat" * 500)])
        say(image_id)
except StoreError as error:
    say(error)
"""

OPEN_AS_NOBODY = """
store.close()
if os.getuid() == 0:
    os.setuid(65534)
try:
    Store.open(sys.argv[2])
except StoreError as error:
    say(error)
"""


def child(script, *arguments):
    """A process of its own at work on a store."""
    command = [sys.executable, "-c", HEAD + script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def pool(store):
    """A store with 2,000 images."""
    store.record_sightings(sighting(n) for n in range(2000))
    return store


@pytest.mark.parametrize("acknowledged", [1, 37])
def test_a_kill_takes_no_label_that_was_acknowledged(pool, url, acknowledged):
    with child(LABEL_ON, url) as writer:
        told = [writer.stdout.readline() for _ in range(acknowledged)]
        writer.kill()
        told += writer.stdout.readlines()
    told = {line.strip() for line in told if line.endswith("\n")}
    assert acknowledged <= len(told) < 2000
    kept = pool.labels()
    assert told <= set(kept)
    assert len(kept) <= len(told) + 1
    assert all(len(pool.history(one)) == 1 for one in told)
    assert pool.check() == []
    assert pool.add_labels(label(n, who="child") for n in range(2000)).unchanged == len(kept)


def test_two_processes_label_the_same_images(pool, url):
    pool.forget(f"/pool/{n:06d}.jpg" for n in range(60, 2000))
    with child(LABEL_ALL, url, "cat") as one, child(LABEL_ALL, url, "dog") as other:
        for writer in (one, other):
            writer.stdin.write("go\n")
            writer.stdin.flush()
        new = [int(writer.stdout.read()) for writer in (one, other)]
    assert sum(new) == 60  # each image was new to exactly one of them
    for n in range(60):
        assert sorted(revision.value for revision in pool.history(image_id(n))) == ["cat", "dog"]


def test_readers_see_whole_transactions_while_a_thread_writes(pool):
    def write():
        for start in range(0, 300, 10):
            pool.add_labels(label(n) for n in range(start, start + 10))

    with ThreadPoolExecutor(4) as threads:
        writing = threads.submit(write)
        counts = []
        while not writing.done():
            counts += threads.map(lambda _: len(pool.labels()), range(3))
        writing.result()
    assert counts
    assert [count for count in counts if count % 10] == []
    assert len(pool.labels()) == 300


def test_a_job_of_another_process_is_busy_until_it_is_killed(store, url):
    with child(HOLD_A_JOB, url) as holder:
        assert holder.stdout.readline() == "begun\n"
        with pytest.raises(Busy, match=f"train by process {holder.pid} "), store.job("pick"):
            pass
        holder.kill()
    with store.job("pick"):
        assert [(job.kind, job.state) for job in store.jobs()] == [("train", "lost"), ("pick", "running")]


def test_a_disk_that_takes_no_more_is_told_and_what_was_acknowledged_stays(tmp_path):
    path = tmp_path / "askance.db"
    url = f"sqlite:///{path}"
    with Store.open(url) as store:
        store.record_sightings(sighting(n) for n in range(2000))
    with child(LABEL_TILL_FULL, url, path) as writer:
        *told, wanted, got, fix = writer.stdout.read().splitlines()
    assert wanted == "wanted: a disk that takes what is written"
    assert "disk I/O error" in got
    assert "nothing was half written" in fix
    with Store.open(url) as store:
        assert told
        assert list(store.labels()) == told
        assert store.check() == []


@pytest.mark.parametrize("closed", ["file", "folder", "above"])
def test_a_place_that_may_not_be_written_is_told_at_the_door(tmp_path, closed):
    top = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders let nobody in
    try:
        folder = top / "project"
        folder.mkdir()
        path = folder / "askance.db"
        Store.open(path).close()
        everything = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
        for place in (top, folder, path):
            place.chmod(everything)
        place, mode = {"file": (path, 0o444), "folder": (folder, 0o555), "above": (top, 0o000)}[closed]
        place.chmod(mode)
        with child(OPEN_AS_NOBODY, f"sqlite:///{tmp_path / 'other.db'}", f"sqlite:///{path}") as reader:
            told = reader.stdout.read()
        assert "chmod u+" in told
        assert ("is read-only" in told) == (closed != "above")
    finally:
        top.chmod(0o700)
        (top / "project").chmod(0o700)
        shutil.rmtree(top)
