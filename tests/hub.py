"""A hub's cache as its library lays it out, and a small hub on this machine that can be made to misbehave."""

import hashlib
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "2439f60ef33a0d46d85da5001d52aeda5b00ce9f"


def keep(cache: Path, repo: str, source: Path, name: str = "model.safetensors") -> Path:
    """A repository's file in a cache: a blob, a reference to a commit, and a link in that commit's snapshot."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    blob = folder / "blobs" / hashlib.sha256(source.read_bytes()).hexdigest()
    snapshot = folder / "snapshots" / COMMIT
    for place in (blob.parent, snapshot, folder / "refs"):
        place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, blob)
    (folder / "refs" / "main").write_text(COMMIT)
    (snapshot / name).unlink(missing_ok=True)
    (snapshot / name).symlink_to(Path("..", "..", "blobs", blob.name))
    return snapshot / name


class Answer:
    """What the hub does when it is asked for a file: `whole`, `half`, `page`, `gone`, `gated` or `no file`."""

    def __init__(self, content: bytes, way: str) -> None:
        self.content, self.way, self.asked = content, way, 0


@contextmanager
def hub(answer: Answer):
    """The address of a hub on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.reply(body=False)

        def do_GET(self):
            self.reply(body=True)

        def reply(self, *, body):
            answer.asked += 1
            etag = hashlib.sha256(answer.content).hexdigest()
            codes = {"gone": (404, "RepoNotFound"), "gated": (403, "GatedRepo"), "no file": (404, "EntryNotFound")}
            if answer.way in codes:
                code, word = codes[answer.way]
                self.send_response(code)
                self.send_header("X-Error-Code", word)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = b"<!DOCTYPE html><p>Sign in to the network" if answer.way == "page" else answer.content
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            if answer.way != "page":
                self.send_header("ETag", f'"{etag}"')
                self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content[: len(content) // 2] if answer.way == "half" else content)
                if answer.way == "half":
                    self.close_connection = True

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
