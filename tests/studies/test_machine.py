import os
import subprocess

from askance.studies.machine import _git


def test_asking_git_what_has_changed_writes_nothing_into_the_checkout(tmp_path):
    def git(*words):
        name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *name, *words], check=True, capture_output=True)

    (tmp_path / "a.py").write_text("a = 1\n")
    git("init", "-q")
    git("add", "a.py")
    git("commit", "-qm", "first")
    os.utime(tmp_path / "a.py", (1, 1))  # the same bytes at another time: what `git status` likes to note
    index = (tmp_path / ".git" / "index").read_bytes()
    assert _git(tmp_path, "status", "--porcelain") == ""
    assert (tmp_path / ".git" / "index").read_bytes() == index
    (tmp_path / "a.py").write_text("a = 2\n")
    assert _git(tmp_path, "status", "--porcelain") == "M a.py"
