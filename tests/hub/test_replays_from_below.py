"""Whoever carries messages may keep them and send them again: the hub books nothing twice.

All that a controller said in a life with sessions, wants, reports and answers is sent
once more, also in reverse, by another's topic, and after the controller was shut out.
"""

from __future__ import annotations

import pytest
from desk import Desk, card_of

from hub.fleet import commands, controllers
from hub.fleet.commands import Order
from hub.mqtt_link import Received
from wire.codec import encode
from wire.downlink import Action
from wire.envelope import seal
from wire.keys import HUB, Signer
from wire.topics import (
    LEAVES_UP,
    UP_JOURNAL,
    UP_RESULT,
    UP_STATE,
    UP_STATUS,
    UP_WANT,
    partition_of,
    topic,
)
from wire.uplink import Outcome, Presence, Result, StateView, Status

KINDS = [UP_JOURNAL, UP_WANT, UP_RESULT, UP_STATUS, UP_STATE]
FACTS = (
    "SELECT count(*) FROM transfers",
    "SELECT count(*) FROM items",
    "SELECT count(*), max(seq) FROM events",
    "SELECT request, granted_minor FROM wants ORDER BY request",
    "SELECT * FROM allowances ORDER BY account, controller, epoch",
    "SELECT id, outcome, answered_ms FROM commands",
    "SELECT held_revision, held_list_revision, state, public_key FROM controllers ORDER BY id",
    "SELECT epoch, through_seq, head_hash FROM journals ORDER BY epoch",
    "SELECT code, controller, count FROM alarms ORDER BY id",
)


def test_every_kind_of_message_is_tried_here():
    assert set(KINDS) == set(LEAVES_UP)


@pytest.fixture
def lived(tmp_path):
    """A controller with a past, and all that it said in it."""
    desk = Desk(tmp_path)
    desk.add_site()
    said: list[tuple[str, bytes]] = []
    box = desk.add_controller("box", "laser")
    desk.add_controller("other", "saw")
    desk.add_account("ana", 5_000)

    def say(leaf, payload):
        said.append((leaf, payload))
        desk.deliver(box, leaf, payload)

    box.boot()
    say(UP_JOURNAL, box.batch(1, 1))
    for number in range(3):
        first = box.last_seq + 1
        say(UP_WANT, box.want(f"want-{number}", "ana", card_of("ana"), "laser", 500))
        box.start(f"ses-{number}", "ana", "laser", card=card_of("ana"))
        box.end(f"ses-{number}", "ana", "laser", (200, 0), minutes=20)
        box.release("ana", 300)
        say(UP_JOURNAL, box.batch(first, box.last_seq))
        box.accounts_revision = number + 1
        say(UP_JOURNAL, box.report())
        desk.clock.advance(60_000)
    order = Order(id="cmd-1", controller="box", action=Action.LOCK, machine="laser")
    desk.run(lambda tx: commands.send_command(tx, order))
    for at_ms, outcome in ((1, Outcome.DONE), (2, Outcome.FAILED)):
        result = Result(sender="box", receiver=HUB, id="cmd-1", outcome=outcome, at_ms=at_ms)
        say(UP_RESULT, seal(result, box.signer))
    say(UP_STATUS, encode(Status(state=Presence.ONLINE, boot_id="boot-1")))
    say(UP_STATE, encode(StateView(at_ms=1)))
    assert {leaf for leaf, _ in said} == set(KINDS)
    assert desk.wallet("ana") == 5_000 - 600
    yield desk, box, said
    desk.close()


def facts(desk):
    return [desk.books(), *(desk.rows(sql) for sql in FACTS)]


@pytest.mark.parametrize("leaf", KINDS)
def test_what_was_booked_once_is_nothing_the_second_time(lived, leaf):
    desk, box, said = lived
    before = facts(desk)

    for order in (said, said[::-1]):
        for one, payload in order:
            if one == leaf:
                desk.deliver(box, one, payload)

    assert facts(desk) == before
    assert desk.faults() == []


def test_nothing_of_one_is_anything_on_the_topic_of_another(lived):
    desk, _, said = lived
    before = facts(desk)[:-1]

    for leaf, payload in said:
        desk.hub.uplink.handle(Received(topic(partition_of("other"), "other", leaf), payload))
    desk.settle()

    assert facts(desk)[:-1] == before


def test_a_kind_sent_as_another_is_nothing(lived):
    desk, box, said = lived
    before = facts(desk)[:-1]

    for leaf, payload in said:
        for other in KINDS:
            if other != leaf:
                desk.deliver(box, other, payload)

    assert facts(desk)[:-1] == before


def test_a_revoked_controller_is_refused_and_what_it_sent_before_stays(lived):
    desk, box, said = lived
    desk.step()
    desk.run(lambda tx: controllers.revoke(tx, "box"))
    before = facts(desk)
    box.start("ses-late", "ana", "laser", card=card_of("ana"))
    box.end("ses-late", "ana", "laser", (0, 400), minutes=40)

    for leaf, payload in said:
        desk.deliver(box, leaf, payload)
    desk.journal(box)
    desk.deliver(box, UP_WANT, box.want("want-late", "ana", card_of("ana"), "laser", 500))
    desk.cable.sent.clear()
    desk.step()

    assert facts(desk) == before
    assert desk.wallet("ana") == 4_400
    assert not [one for one in desk.cable.sent if "/box/" in one.topic]
    assert desk.faults() == []


def test_what_an_earlier_key_signed_is_nothing_once_there_is_another(lived):
    desk, box, said = lived
    desk.enrol(Signer(b"n" * 32, "box"))
    before = facts(desk)[:-1]

    for leaf, payload in said:
        desk.deliver(box, leaf, payload)

    assert facts(desk)[:-1] == before
