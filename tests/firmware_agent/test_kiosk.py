"""The screen at a controller: what it says, to whom, and for how long."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from threading import Thread

import msgspec
import pytest

from firmware_agent.kiosk import server
from firmware_agent.kiosk.board import INPUTS_MAX
from firmware_agent.kiosk.server import CONNECTIONS_MAX
from tests.firmware_agent.kiosk_rig import Screen, make
from tests.firmware_agent.rig import BERT, MACHINES, TOML, Rig, code, entry
from wire.events import CodeRedeemed

STRANGER = bytes.fromhex("04998877665544")
MORE_MACHINES = TOML.replace("button = {{ pin = 10 }}", "").replace("button = {{ pin = 13 }}", "")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """The agent's thread is the test's: nothing can come of a press while it waits."""
    monkeypatch.setattr(server, "SETTLE_MS", 0)


@pytest.fixture
def rig(tmp_path):
    rig = make(tmp_path)
    yield rig
    rig.agent.close()


@pytest.fixture
def screen(rig):
    return Screen(rig)


@pytest.fixture
def shared(tmp_path):
    """Two sockets without buttons: they are chosen on the screen."""
    rig = make(tmp_path, kiosk='reader = "wall"\n', toml=MORE_MACHINES)
    yield Screen(rig)
    rig.agent.close()


def test_while_nobody_is_there_it_says_what_to_do_and_what_it_costs(shared):
    words = shared.get().words

    assert "Choose a machine, then tap your card" in words
    assert "Socket 1 Free €0.50/1000 Wh Choose" in words
    assert "Laser" not in words, "another reader's"
    assert "spend" not in words


def test_a_tapped_card_sees_what_it_may_spend_and_then_nobody_does(shared):
    shared.rig.tap("wall")
    shared.rig.run(500)
    assert "You can spend here €5.00" in shared.get().words

    shared.rig.run(20_500)
    assert "spend" not in shared.get().words
    assert "5.00" not in shared.get().text


@pytest.mark.parametrize("uid", [STRANGER, bytes.fromhex("08112233")], ids=["unknown", "random"])
def test_a_card_that_is_not_known_hides_the_balance_before(shared, uid):
    shared.rig.tap("wall")
    shared.rig.tap("wall", uid)

    assert "5.00" not in shared.get().text


def test_a_copy_of_a_uid_is_not_shown_its_owners_balance(shared):
    shared.rig.cards(entry(level=1))
    shared.rig.tap("wall", level=0)
    assert "5.00" not in shared.get().text

    shared.rig.tap("wall", level=1)
    assert "You can spend here €5.00" in shared.get().words


def test_two_cards_at_once_hide_the_balance_before(shared):
    shared.rig.tap("wall")
    shared.rig.tap_several("wall")

    assert "5.00" not in shared.get().text
    assert "Several cards Show only one" in shared.get().words


def test_the_next_person_sees_their_own_balance_only(shared):
    shared.rig.tap("wall")
    first = shared.field("visit")
    shared.rig.tap("wall", BERT)

    assert "You can spend here €0.00" in shared.get().words
    assert "5.00" not in shared.get().text
    assert shared.field("visit") != first


def test_a_machine_is_chosen_on_the_screen_and_started_with_a_card(shared):
    assert shared.post("/press", machine="socket-2").status == 303
    assert "Tap your card Socket 2 is chosen" in shared.get().words
    shared.rig.tap("wall")

    assert shared.rig.is_on("socket-2")
    assert not shared.rig.is_on("socket-1")


def test_a_card_first_and_then_a_machine_starts_it_too(shared):
    shared.rig.tap("wall")
    assert "Choose a machine Card read" in shared.get().words
    shared.post("/press", machine="socket-1")
    shared.rig.agent.step()

    assert shared.rig.is_on("socket-1")


def test_who_is_done_leaves_nothing_for_the_next(shared):
    shared.rig.tap("wall")
    shared.post("/done", visit=shared.field("visit"))

    assert "5.00" not in shared.get().text
    shared.post("/press", machine="socket-1")
    shared.rig.agent.step()
    assert not shared.rig.is_on("socket-1")


def test_what_is_left_is_told_to_who_uses_it_and_to_nobody_else(shared):
    shared.post("/press", machine="socket-1")
    shared.rig.tap("wall")
    shared.rig.run(1_000)
    assert "left" in shared.get().words

    shared.rig.run(21_000)
    words = shared.get().words
    assert "So far €0.00" in words
    assert "left" not in words


def test_time_and_cost_of_a_run_are_told(tmp_path):
    rig = make(tmp_path, kiosk='reader = "front"\n')
    screen = Screen(rig)
    rig.tap("front")
    rig.run(120_000)
    words = screen.get().words
    assert "So far €0.20 2 min" in words
    assert "left" in words, "it is the only machine: who stands there uses it"

    screen.post("/press", machine="laser")
    rig.run(1_000)
    assert "Thank you €0.20" in screen.get().words
    assert not rig.is_on("laser")
    rig.agent.close()


def test_the_time_that_a_paid_run_still_takes_is_told(screen):
    duration_ms = screen.rig.agent.state.machines["washer"].spec.cycle.duration_ms
    screen.rig.tap("back")
    screen.rig.feedback("washer", active=True)
    screen.rig.run(120_000)
    minutes = (duration_ms - 120_000) // 60_000

    assert f"Running So far €2.50 {minutes} min left" in screen.get().words


def test_a_paid_run_is_not_stopped_from_the_screen(screen):
    screen.rig.tap("back")
    screen.rig.run(1_000)
    assert 'id="m-washer"' not in screen.get().text
    before = screen.rig.state("washer")
    screen.post("/press", machine="washer")
    screen.rig.agent.step()

    assert before in {"starting", "running"}
    assert screen.rig.state("washer") == before


def test_a_refusal_says_why_and_what_to_do(screen):
    screen.rig.tap("back", BERT)
    screen.rig.run(1_000)

    assert "Balance too low €2.50 missing Please top up" in screen.get().words


def test_a_code_is_credited_to_who_is_shown(screen):
    screen.rig.tap("front", BERT)
    screen.rig.run(500)
    answer = screen.post("/code", visit=screen.field("visit"), digits=code(1), do="credit")

    assert answer.status == 303
    assert "Credited €10.00" in screen.get().words
    assert "You can spend here €10.00" in screen.get().words


def test_a_code_is_typed_key_by_key_without_a_script(screen):
    screen.rig.tap("front")
    digits = ""
    for key in code(1)[:3]:
        page = screen.post("/code", visit="1", digits=digits, do=key).text
        digits += key
        assert f'value="{digits}"' in page
    page = screen.post("/code", visit="1", digits=digits, do="del").text
    assert f'value="{digits[:-1]}"' in page
    page = screen.post("/code", visit="1", digits=digits, do="x<b>").text
    assert f'value="{digits}"' in page


def test_half_a_code_is_not_handed_to_the_next_person(screen):
    screen.rig.tap("front")
    screen.rig.tap("front", BERT)
    answer = screen.post("/code", visit="1", digits="12", do="3")

    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_a_code_of_someone_who_is_gone_is_nobodys(screen):
    screen.rig.tap("front")
    old = screen.field("visit")
    screen.rig.tap("front", BERT)
    screen.post("/code", visit=old, digits=code(1), do="credit")
    screen.rig.run(30_000)
    screen.post("/code", visit="2", digits=code(1), do="credit")

    assert screen.rig.kinds(CodeRedeemed) == []
    assert screen.get("/code").status == 303, "nobody is there to type one"


def test_it_speaks_the_cards_language_and_then_its_own(tmp_path):
    rig = make(tmp_path, kiosk='reader = "wall"\nlanguage = "de"\n')
    rig.cards(entry(language="ar"))
    screen = Screen(rig)
    assert '<html lang="de" dir="ltr">' in screen.get().text
    rig.tap("wall")
    assert '<html lang="ar" dir="rtl">' in screen.get().text
    assert "5.00\xa0€" in screen.get().text
    rig.run(25_000)
    assert '<html lang="de" dir="ltr">' in screen.get().text
    rig.agent.close()


def test_a_language_can_be_chosen_and_is_forgotten(screen):
    screen.post("/language", language="zh-CN")
    assert '<html lang="zh-CN"' in screen.get().text
    screen.rig.run(25_000)
    assert '<html lang="en"' in screen.get().text
    screen.post("/language", language="xx")
    assert '<html lang="en"' in screen.get().text


def test_it_works_without_the_hub_and_says_what_that_means(tmp_path):
    rig = make(tmp_path, online=False)
    screen = Screen(rig)
    rig.tap("front")
    assert "Offline: more may be on your account" in screen.get().words
    rig.agent.close()


def test_names_are_text(rig, screen):
    evil = msgspec.structs.replace(MACHINES[0], name="<script>x</script>")
    rig.configure(machines=(evil, *MACHINES[1:]))

    assert "<script>x" not in screen.get().text
    assert "&lt;script&gt;x" in screen.get().text


def test_news_come_as_soon_as_there_are_any(screen):
    version = screen.rig.agent._kiosk.board.latest.version
    told = []
    asking = Thread(target=lambda: told.append(screen.get(f"/now?seen={version}")))
    asking.start()
    screen.rig.tap("front")
    asking.join()

    assert told[0].status == 200
    assert "You can spend here" in told[0].words
    assert screen.get("/now?seen=0").status == 200
    assert screen.get("/now?seen=x").status == 200


def test_an_end_does_not_wait_for_who_waits_for_news(tmp_path):
    rig = make(tmp_path)
    screen = Screen(rig)
    version = rig.agent._kiosk.board.latest.version

    def ask():
        with suppress(OSError):  # it may be hung up on at the end
            screen.get(f"/now?seen={version}")

    asking = Thread(target=ask)
    with ExitStack() as lines:
        for _ in range(CONNECTIONS_MAX - 1):
            lines.enter_context(socket.create_connection((screen.at.hostname, screen.at.port)))
        asking.start()
        while len(rig.agent._kiosk._server._open) < CONNECTIONS_MAX:
            pass
        extra = lines.enter_context(socket.create_connection((screen.at.hostname, screen.at.port)))
        assert extra.recv(1) == b"", "one too many is hung up on"
        rig.agent.close()
        asking.join()


def test_too_many_presses_at_once_are_refused_in_words(screen):
    token = screen.field("token")
    answers = [
        screen.ask("POST", "/press", f"token={token}&machine=laser") for _ in range(INPUTS_MAX + 1)
    ]

    assert [answer.status for answer in answers] == [303] * INPUTS_MAX + [503]
    assert "Too many presses at once" in answers[-1].words
    screen.rig.agent.step()
    assert screen.post("/press", machine="laser").status == 303


def test_a_taken_port_does_not_stop_the_machines(tmp_path, screen, caplog):
    folder = tmp_path / "second"
    folder.mkdir()
    second = Rig(folder, toml=f"{TOML}[kiosk]\nport = {screen.at.port}\n")
    second.hub.wallets = {"anna": 2_000}
    second.configure()
    second.cards(entry())
    second.run(2_000)
    second.tap("front")

    assert second.is_on("laser")
    assert second.agent.kiosk_url == ""
    assert "can't be had" in caplog.text
    second.agent.close()
