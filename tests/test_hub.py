"""Hugging Face: a repository's model through the client's own endpoint setting, from a real server on this machine."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from calculators.architecture import parameters
from presets.configs import model_from_config
from presets.importing.hub import MOST_FILES, repository_id
from tests.facts import config
from tests.files import hf_tensors, safetensors_file

ROOT = Path(__file__).parent.parent
CONFIG = config("llama-3.2-3b")
MODEL = model_from_config(CONFIG, name="x")
TENSORS = hf_tensors(MODEL)
NAMES = list(TENSORS)
WEIGHTS = b"\0" * 100_000  # the start of what a header is followed by


def parts(count: int) -> dict[str, bytes]:
    """The model in several files and its index."""
    shares = {f"model-{i}.safetensors": NAMES[i::count] for i in range(count)}
    index = {"metadata": {}, "weight_map": {name: file for file, names in shares.items() for name in names}}
    files = {file: safetensors_file({name: TENSORS[name] for name in names}) for file, names in shares.items()}
    return {"model.safetensors.index.json": json.dumps(index).encode(), **files}


INDEX = {"metadata": {}, "weight_map": {"a": "../../secret.safetensors"}}
FILES = {
    "me/config-only": {"config.json": json.dumps(CONFIG).encode()},
    "me/whole": {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": safetensors_file(TENSORS) + WEIGHTS},
    "me/sharded": {"config.json": json.dumps(CONFIG).encode(), **parts(3)},
    "me/deaf-to-ranges": {"config.json": json.dumps(CONFIG).encode(), **parts(2)},
    "me/long-header": {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": safetensors_file(TENSORS, note="x" * 300_000) + WEIGHTS,
    },
    "me/huge-config": {"config.json": b" " * (2 << 20)},
    "me/huge-header": {
        "config.json": json.dumps(CONFIG).encode(), "model.safetensors": (1 << 40).to_bytes(8, "little") + WEIGHTS,
    },
    "me/broken-config": {"config.json": b'{"model_type": "llama", '},
    "me/paths": {
        "config.json": json.dumps(CONFIG).encode(), "model.safetensors.index.json": json.dumps(INDEX).encode(),
    },
    "me/missing-part": {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors.index.json": json.dumps({"weight_map": {"a": "gone.safetensors"}}).encode(),
    },
    "me/empty": {"README.md": b"nothing"},
    "me/code": {
        "config.json": json.dumps(CONFIG | {"auto_map": {"AutoConfig": "configuration.Own"}}).encode(),
        "configuration.py": b"raise SystemExit",
    },
}  # fmt: skip


class Hub(BaseHTTPRequestHandler):
    """As the hub answers: files at /owner/name/resolve/main/file, its error codes in a header."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        repository, _, file = self.path.strip("/").partition("/resolve/main/")
        if repository == "me/slow":
            time.sleep(2)
        if repository == "me/gated":
            return self.answer(403, b"", error="GatedRepo")
        if repository == "me/down":
            return self.answer(503, b"")
        if repository not in FILES:
            return self.answer(401, b"", error="RepoNotFound")
        if file not in FILES[repository]:
            return self.answer(404, b"", error="EntryNotFound")
        data, wanted = FILES[repository][file], self.headers.get("Range")
        if wanted and repository != "me/deaf-to-ranges":
            return self.answer(206, data[: int(wanted.rpartition("-")[2]) + 1])
        return self.answer(200, data)

    def answer(self, status: int, data: bytes, error: str = "") -> None:
        try:
            self.send_response(status)
            if error:
                self.send_header("X-Error-Code", error)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has read enough

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def answers(endpoint: str, *names: str, **settings: str) -> dict:
    """What hub.fetch says of repositories at an endpoint."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.hub_answers", *names], cwd=ROOT, capture_output=True, text=True,
        timeout=60, env={**kept, "HF_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1", **settings},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def said():
    Hub.asked.clear()
    with hub() as endpoint:
        yield answers(endpoint, *FILES, "me/slow", "me/gated", "me/down", "me/nowhere")


def test_a_repositorys_model_comes_from_its_config_and_the_headers_of_its_weights(said):
    assert said["me/config-only"] == [
        parameters(MODEL),
        "It has no .safetensors weights, so only its config.json was read.",
    ]
    for name in ("me/whole", "me/sharded", "me/deaf-to-ranges", "me/long-header"):
        assert said[name] == [parameters(MODEL)], name


def test_only_the_config_and_headers_are_asked_for_and_no_code(said):
    assert said["me/code"][0] == parameters(MODEL)
    assert {path.rpartition("/")[2].rpartition(".")[2] for path in Hub.asked} <= {"json", "safetensors"}
    assert all("/resolve/main/" in path and ".." not in path for path in Hub.asked)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("me/nowhere", "has no public repository me/nowhere; check the name, as in owner/name"),
        ("me/gated", "me/gated is gated: accept its terms there, download its config.json and import that"),
        ("me/down", "answered 503 for config.json of me/down"),
        ("me/slow", "did not answer within"),
        ("me/huge-config", "more than 1,048,576 bytes; it was not read on"),
        ("me/broken-config", "config.json: no JSON at line 1"),
        ("me/empty", "me/empty has neither a config.json nor .safetensors weights"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(said, name, expected):
    assert expected in said[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("me/huge-header", "the first 8 bytes give a header of 1,099,511,627,776 bytes"),
        ("me/paths", f"the index names 1 files; at most {MOST_FILES} .safetensors files are read"),
        ("me/missing-part", "gone.safetensors of me/missing-part: is in the index, but not in the repository"),
    ],
)
def test_weights_whose_headers_cannot_be_read_leave_the_config(said, name, expected):
    count, note = said[name]
    assert count == parameters(MODEL)
    assert note.startswith("Only its config.json was read. ")
    assert expected in note


def test_without_a_network_a_sentence_says_so():
    with hub() as endpoint:
        pass  # closed again: nobody listens there
    (told,) = answers(endpoint, "me/whole").values()
    assert told.startswith(f"Hugging Face: {endpoint} cannot be reached from this server, which may have no network")
    with hub() as endpoint:
        (told,) = answers(endpoint, "me/whole", HF_HUB_OFFLINE="1").values()
    assert "cannot be reached from this server" in told


@pytest.mark.parametrize(
    "text",
    ["", "https://evil.example/x", "a/b/c", "../../etc/passwd", "a/..", "a b/c", "a/b?x=1", "a/b#x", "x" * 200, "a\n/b",
     "user@host/b", "a//b", ".hidden/b", "a%2fb", "owner/na·me", "a/b.git"],
)  # fmt: skip
def test_what_is_no_repositorys_name_is_refused_before_anything_is_asked(text):
    with pytest.raises(ValueError, match="is no repository of Hugging Face; owner/name was expected"):
        repository_id(text)
