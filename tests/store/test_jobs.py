import os
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from askance.store import jobs
from askance.store.process import Process, _birth, runs, this_process
from askance.store.schema import jobs as table
from askance.vocab import Busy


def enter(store, process, *, silent=0):
    """A running job of some process that gave its last sign of life `silent` seconds ago."""
    with store._writer.begin() as connection:
        seen = jobs.clock(connection) - timedelta(seconds=silent)
        row = {"kind": "train", "started": seen, "heartbeat": seen, "state": "running"}
        row |= {"pid": process.pid, "host": process.host, "space": process.space, "birth": process.birth}
        connection.execute(insert(table).values(row))


@contextmanager
def a_child():
    """A process, and how to end it so that it stays a zombie, as one does whose parent does not look."""
    child = subprocess.Popen(["sleep", "1000"])

    def end():
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    try:
        yield child.pid, end
    finally:
        child.kill()
        child.wait()


def test_a_job_shows_while_it_runs_and_after(store):
    with store.job("train") as job:
        assert store.jobs() == [job]
        assert (job.kind, job.pid, job.state, job.message) == ("train", os.getpid(), "running", None)
    with store.job("pick"):
        pass
    assert [(one.kind, one.state) for one in store.jobs()] == [("train", "done"), ("pick", "done")]


def test_a_second_job_is_told_who_is_at_work(store):
    with store.job("train"), pytest.raises(Busy) as told, store.job("pick"):
        pytest.fail("two jobs at once")
    assert f"train by process {os.getpid()}" in told.value.got
    assert f"kill {os.getpid()}" in told.value.fix
    assert [(one.kind, one.state) for one in store.jobs()] == [("train", "done")]


def test_only_one_of_many_at_once_gets_the_job(store):
    gate, over, outcomes = threading.Barrier(4), threading.Barrier(4), []

    def compete():
        gate.wait()
        try:
            with store.job("train"):
                outcomes.append("won")
                over.wait()
        except Busy:
            outcomes.append("busy")
            over.wait()

    threads = [threading.Thread(target=compete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy", "busy", "busy", "won"]


@pytest.mark.parametrize("error", [ValueError("no such layer"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failed_job_says_why_and_frees_the_place(store, error):
    with pytest.raises(type(error)), store.job("train"):
        raise error
    assert store.jobs()[0].state == "failed"
    assert store.jobs()[0].message == f"{type(error).__name__}: {error}"
    with store.job("train"):
        pass


def test_a_dead_process_is_taken_over_and_noted(store):
    with a_child() as (pid, end):
        child = Process(pid, this_process().host, this_process().space, _birth(pid))
        enter(store, child)
        assert runs(child) is True
        with pytest.raises(Busy, match=f"process {pid}"), store.job("pick"):
            pass
        end()
        assert runs(child) is False  # though it is not reaped yet
        with store.job("pick"):
            lost = store.jobs()[0]
    assert lost.state == "lost"
    assert f"taken over by pick of process {os.getpid()}" in lost.message


def test_a_process_that_lives_keeps_its_job_however_silent(store):
    enter(store, this_process(), silent=10_000)
    with pytest.raises(Busy), store.job("pick"):
        pass


def test_a_pid_that_was_used_again_is_another_process(store):
    me = this_process()
    enter(store, Process(me.pid, me.host, me.space, me.birth + "0"))
    with store.job("pick"):
        assert [one.state for one in store.jobs()] == ["lost", "running"]


@pytest.mark.parametrize(
    "elsewhere", [("other", "boot"), (this_process().host, "another boot"), ("other", this_process().space)]
)
def test_elsewhere_only_the_heartbeat_tells(store, elsewhere):
    far = Process(os.getpid(), *elsewhere, this_process().birth)
    assert runs(far) is None
    enter(store, far, silent=50)
    with pytest.raises(Busy, match=rf"on {far.host}"), store.job("pick"):
        pass
    with store._writer.begin() as connection:
        connection.execute(update(table).values(heartbeat=jobs.clock(connection) - timedelta(seconds=63)))
    with store.job("pick"):
        assert [one.state for one in store.jobs()] == ["lost", "running"]


def test_the_heart_beats(store, monkeypatch):
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.01)
    with store.job("train") as job:
        with store._writer.begin() as connection:
            connection.execute(update(table).values(heartbeat=job.started - timedelta(hours=1)))
        for _ in range(1000):
            if store.jobs()[0].heartbeat >= job.started:
                break
            time.sleep(0.01)
        else:
            pytest.fail("no heartbeat")
    assert not [thread for thread in threading.enumerate() if "heartbeat" in thread.name]


def test_a_job_that_was_written_off_learns_it_at_the_end(store):
    with pytest.raises(Busy, match="another took over"), store.job("train"), store._writer.begin() as connection:
        connection.execute(update(table).values(state="lost", message="silence"))
    assert store.jobs()[0].state == "lost"
