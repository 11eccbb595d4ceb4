"""The pages: what they say, that they load nothing from elsewhere, and that they fit."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from parts import require
from sqlalchemy import update

from hub.bootstrap import Hub
from hub.web.headers import CONTENT_SECURITY_POLICY
from hub.web.pages import words
from hub.web.render import HOME, STATIC
from tests.hub_web.place import book_session, busy, set_up
from tests.support.browser import Browser
from wire.money import EUR, Unit

PAGES = ("/", "/schema")


@pytest.fixture
def place(served_shared: str, hub: Hub) -> str:
    set_up(hub)
    busy(hub)
    return served_shared


def text_of(page: str) -> str:
    """What a person reads."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def read(url: str) -> str:
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_what_needs_a_person_comes_first_with_its_cost(place: str) -> None:
    page = text_of(read(place))

    silent = page.index("Controller dry-2 has been silent since")
    alarm = page.index("dry-2: Price differs.")
    assert silent < alarm < page.index("Charged today") < page.index("Latest sessions")
    assert "at most €4.00 of yours" in page


def test_every_figure_says_as_of_when_and_what_it_means(place: str) -> None:
    page = read(place)

    section = page[page.index('<section class="figures"') : page.index('<section class="panel"')]
    figures = section.split('<div class="figure">')[1:]
    assert len(figures) == 4
    for figure in figures:
        assert "as of" in figure
        assert 'class="soft"' in figure
    says = text_of(page)
    assert "Worst loss if all lines were cut now €8.00" in says
    assert "your limit is €150.00" in says


def test_a_machine_says_its_state_in_words_and_when_it_was_heard(place: str) -> None:
    says = text_of(read(place))

    assert re.search(r"Washer 1 24 min left €3\.50 31 min as of \d\d:\d\d:\d\d", says)
    assert re.search(r"Washer 2 fault door open as of", says)
    assert re.search(r"Dryer 1 silent €0\.92 31 min, 0\.84 kWh as of", says)
    assert "1 running, 1 out of use, 2 not heard" in says
    assert "Ana P. · 31 min, 0.84 kWh · didn't start, released" in says


def test_many_silent_controllers_are_one_sentence(served_shared: str, hub: Hub) -> None:
    from hub.fleet import controllers
    from hub.store.tables import fleet

    set_up(hub)

    def job(tx) -> None:
        for number in range(7):
            controllers.add_controller(tx, f"pi-{number}", "riverside")
        tx.connection.execute(update(fleet.controllers).values(state="active"))

    hub.writer.run(job)
    says = text_of(read(served_shared))

    assert "9 controllers are silent: dry-2, pi-0, pi-1, pi-2, pi-3 and 4 more." in says
    assert says.count("silent: ") == 1


def test_an_empty_hub_says_what_to_do_next(served_shared: str) -> None:
    says = text_of(read(served_shared))

    assert "standpipe-hub enrol NAME --site SITE" in says
    assert "None yet." in says


def test_names_are_text_and_never_markup(served_shared: str, hub: Hub) -> None:
    from hub.people.accounts import change_account

    set_up(hub)
    nasty = "<script>alert(1)</script>"
    hub.writer.run(lambda tx: change_account(tx, "acc_ana", {"name": nasty}))
    busy(hub)

    page = read(served_shared)

    assert nasty not in page
    assert html.escape(nasty) in page


def test_the_page_works_without_a_script(place: str) -> None:
    page = read(place)

    assert '<noscript><meta http-equiv="refresh"' in page
    for anchor in re.findall(r'href="#([a-z]+)"', page):
        assert f'id="{anchor}"' in page


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(place: str) -> None:
    for path in PAGES:
        answer = httpx.get(place + path, trust_env=False)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        assert "://" not in answer.text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
        for source in re.findall(r'(?:src|href)="([^"]*)"', answer.text):
            assert source.startswith(("/", "#")), source
            if not source.startswith(("#", "/schema")):
                assert httpx.get(place + source, trust_env=False).status_code == 200
    for file in [*STATIC.iterdir(), *(HOME / "templates").iterdir()]:
        named = re.findall(r"[a-z]+://[^\s\"']+", file.read_text(encoding="utf-8"))
        # A name space is a name; nothing is loaded from it.
        assert set(named) <= {"http://www.w3.org/2000/svg"}, file


def test_every_answer_has_the_security_headers(place: str) -> None:
    for path in ("/", "/schema", "/static/live.js", "/nothing", "/api/v1/accounts", "/healthz"):
        headers = httpx.get(place + path, trust_env=False).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require("chromium", "chromium")
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def window(place: str, chromium: Browser) -> Iterator[Browser]:
    """The browser, for pages of the place; it leaves them before the place closes."""
    yield chromium
    chromium.leave()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(width: int, place: str, window: Browser) -> None:
    for path in PAGES:
        for scheme in ("light", "dark"):
            window.show(place + path, width, scheme=scheme)
            window.run("document.querySelectorAll('details').forEach((one) => one.open = true)")
            assert window.run("innerWidth") == width
            assert window.run("document.documentElement.scrollWidth") <= width, path


def test_what_is_touched_is_large_enough_for_a_thumb(place: str, window: Browser) -> None:
    window.show(place + "/", 390)

    small = window.run(
        "[...document.querySelectorAll('nav a, .button')]"
        ".filter((one) => one.getBoundingClientRect().height < 40).map((one) => one.outerHTML)"
    )

    assert small == []


def test_the_page_follows_the_hub(served: str, hub: Hub, chromium: Browser) -> None:
    set_up(hub)
    busy(hub)
    window = chromium
    window.show(served + "/", 1280)
    window.wait_for("document.querySelector('[data-live-status]').textContent === 'live,'")
    assert not window.run("document.body.innerText.includes('7.77')")

    hub.writer.run(lambda tx: book_session(tx, "ses_new", machine="laser", charge_minor=777))
    hub.writer.run(lambda tx: tx.touch("session", "ses_new"))

    window.wait_for("document.querySelector('#sessions').innerText.includes('7.77')")
    window.leave()


def test_the_page_is_read_by_keyboard(place: str, window: Browser) -> None:
    window.show(place + "/", 1280)

    for kind in ("keyDown", "keyUp"):
        window.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)

    assert window.run("document.activeElement.textContent") == "Skip to what matters"
    assert window.run("document.activeElement.getBoundingClientRect().left >= 0")


def test_words_say_times_and_amounts_as_people_do() -> None:
    assert words.length(40_000) == "40 s"
    assert words.length(31 * 60_000) == "31 min"
    assert words.length(125 * 60_000) == "2 h 5 min"
    assert words.length(120 * 60_000) == "2 h"
    assert words.length(86_400_000) == "1 day"
    assert words.ago(0, 1_000) == "just now"
    assert words.ago(0, 60_000) == "1 min ago"
    assert words.amount(120_450, EUR) == "€1,204.50"
    assert words.amount(-80, EUR) == "\u2212€0.80"
    assert words.amount(40, Unit("PTS", 0)) == "40 PTS"
    assert words.use(31 * 60_000, 840, "Wh") == "31 min, 0.84 kWh"
    assert words.use(0, 3, "page") == "3 page"
    assert words.clock_time(1_795_352_602_000, "Europe/Berlin") == "14:03:22"
    assert words.day_and_time(0, 1_795_352_602_000, "UTC") == "1 Jan 00:00"
