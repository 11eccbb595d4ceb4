"""Nobody but the screen's own page presses its buttons."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from firmware_agent.kiosk import server
from firmware_agent.kiosk.guard import BODY_BYTES_MAX, HEADERS, read_form
from firmware_agent.kiosk.page import grouped, only_digits
from tests.firmware_agent.kiosk_rig import Screen, make

OTHER = "http://elsewhere.example"


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    settle, server.SETTLE_MS = server.SETTLE_MS, 0
    rig = make(tmp_path_factory.mktemp("kiosk"))
    yield Screen(rig)
    rig.agent.close()
    server.SETTLE_MS = settle


def was_pressed(screen: Screen) -> bool:
    return screen.rig.agent._kiosk.board.waiting > 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "elsewhere.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": OTHER}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 400),
        ({"Content_Type": "application/json"}, 400),
        ({"Content_Length": "x"}, 413),
        ({"Content_Length": str(BODY_BYTES_MAX + 1)}, 413),
    ],
)
def test_a_press_from_elsewhere_is_refused(screen, headers, status):
    body = f"token={screen.field('token')}&machine=laser"
    answer = screen.ask("POST", "/press", body, **headers)

    assert answer.status == status
    assert not was_pressed(screen)


@pytest.mark.parametrize("token", ["", "token=", "token=x", "token=%C3%A4", "machine=laser"])
def test_a_press_without_the_pages_token_is_refused(screen, token):
    assert screen.ask("POST", "/press", token).status in {400, 403}
    assert not was_pressed(screen)


def test_the_same_press_from_the_own_page_is_taken(screen):
    body = f"token={screen.field('token')}&machine=laser"
    assert screen.ask("POST", "/press", body, Sec_Fetch_Site="same-origin").status == 303
    assert was_pressed(screen)
    screen.rig.agent.step()


@pytest.mark.parametrize("path", ["/", "/code", "/kiosk.css", "/kiosk.js", "/now", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_answer_carries_the_headers_that_shut_others_out(screen, method, path):
    answer = screen.ask(method, path)

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.text == "" or method == "GET"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/press", 404),
        ("GET", "/../agent.toml", 404),
        ("GET", "/static/kiosk.css", 404),
        ("PUT", "/", 501),
        ("DELETE", "/", 501),
    ],
)
def test_there_is_nothing_else(screen, method, path, status):
    assert screen.ask(method, path).status == status


def test_a_page_that_names_another_host_is_not_shown(screen):
    answer = screen.ask("GET", "/", Host="elsewhere.example")
    assert (answer.status, "token" in answer.text) == (421, False)


def test_an_unknown_form_is_refused(screen):
    assert screen.post("/nothing").status == 404


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_form_or_none(body):
    form = read_form(body)
    assert form is None or all(isinstance(value, str) for value in form.values())


@given(st.text(max_size=80))
def test_only_digits_are_left_of_what_was_typed(text):
    digits = only_digits(text)
    assert digits == "" or (digits.isascii() and digits.isdigit() and len(digits) <= 20)
    assert only_digits(grouped(digits)) == digits
