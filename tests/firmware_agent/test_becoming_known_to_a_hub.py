"""Enrolment against a real HTTP server: the key stays here, and repeating is safe."""

from __future__ import annotations

import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from firmware_agent.enrolment import enrol
from firmware_agent.errors import EnrolmentError, IdentityError
from firmware_agent.identity import IDENTITY_NAME, KEY_NAME, load_identity
from tests.firmware_agent.rig import identity
from wire.enrolment import ENROLMENT_PATH, EnrolmentRequest, check_proof

NAME = "laundry-1"


class HubServer(HTTPServer):
    """Answers enrolments as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[EnrolmentRequest] = []
        self.status = 201
        self.body = msgspec.json.encode(identity().reply)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_POST(self):
        assert self.path == ENROLMENT_PATH
        data = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(msgspec.json.decode(data, type=EnrolmentRequest))
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_key_is_made_here_and_only_its_public_half_is_sent(hub, tmp_path):
    enrolled = enrol(tmp_path, hub.url, NAME, "code", "1")

    (request,) = hub.requests
    check_proof(request)
    assert request.public_key == enrolled.signer.public
    assert load_identity(tmp_path) == enrolled
    for name in (KEY_NAME, IDENTITY_NAME):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_lost_answer_is_repeated_with_the_same_key(hub, tmp_path):
    hub.status, hub.body = 500, b"{}"
    with pytest.raises(EnrolmentError, match="500"):
        enrol(tmp_path, hub.url, NAME, "code", "1")
    with pytest.raises(IdentityError, match="isn't enrolled"):
        load_identity(tmp_path)
    hub.status, hub.body = 201, msgspec.json.encode(identity().reply)
    enrol(tmp_path, hub.url, NAME, "code", "1")

    assert hub.requests[0].public_key == hub.requests[1].public_key


def test_a_refusal_says_the_hubs_reason(hub, tmp_path):
    hub.status = 403
    hub.body = json.dumps({"title": "No", "detail": "the code was used already"}).encode()

    with pytest.raises(EnrolmentError, match="the code was used already"):
        enrol(tmp_path, hub.url, NAME, "code", "1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"x" * 100_000])
def test_an_answer_that_is_none_is_told(hub, tmp_path, body):
    hub.body = body

    with pytest.raises(EnrolmentError, match="didn't answer as a hub does"):
        enrol(tmp_path, hub.url, NAME, "code", "1")


def test_a_hub_that_is_not_there_is_told(tmp_path):
    with pytest.raises(EnrolmentError, match="wasn't reached"):
        enrol(tmp_path, "http://127.0.0.1:1", NAME, "code", "1")


@pytest.mark.parametrize(
    ("url", "name", "code"),
    [
        ("hub", NAME, "c"),
        ("http://h", "Bad Name", "c"),
        ("http://h", NAME, ""),
        ("http://h", NAME, "x" * 65),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_made(tmp_path, url, name, code):
    with pytest.raises(EnrolmentError):
        enrol(tmp_path, url, name, code, "1")

    assert not list(tmp_path.iterdir())


def test_a_damaged_key_is_told(tmp_path):
    (tmp_path / KEY_NAME).write_text("rubbish")

    with pytest.raises(IdentityError):
        enrol(tmp_path, "http://127.0.0.1:1", NAME, "c", "1")
