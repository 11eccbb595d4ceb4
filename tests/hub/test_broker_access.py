"""Every topic, tried by everybody who shouldn't: on mosquitto as it is shipped."""

from __future__ import annotations

from queue import Queue

import pytest
from guarded import Guarded
from parts import require
from plug import Plug

from hub.mqtt_link import MqttLink, Outgoing, Received
from simulator.waiting import wait_for
from wire.topics import LEAVES_DOWN, LEAVES_UP, ROOT, partition_of, topic

pytestmark = pytest.mark.mosquitto
OWN = "pi-1"
OTHER = "pi-2"
LEAVES = sorted(LEAVES_UP | LEAVES_DOWN)


def of(name, leaf):
    return topic(partition_of(name), name, leaf)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    require("mosquitto", "mosquitto")
    guarded = Guarded(tmp_path_factory.mktemp("mosquitto"))
    yield guarded
    guarded.child.stop()


@pytest.fixture
def hub(guarded):
    received: Queue[Received] = Queue()
    link = MqttLink(guarded.mqtt, received.put, lambda: None)
    link.start()
    wait_for("the hub is connected", lambda: link.connected, 10)
    link.received = received
    yield link
    link.close()


@pytest.fixture
def own(guarded):
    plug = guarded.let_in(OWN)
    yield plug
    plug.close()


@pytest.fixture
def other(guarded):
    plug = guarded.let_in(OTHER)
    yield plug
    plug.close()


def taken(plug, topics):
    """Which of these topics the broker took a message for."""
    return [one for one in topics if plug.publish(one, b"{}")]


def test_a_controller_may_publish_under_its_own_up_and_nowhere_else(guarded, own):
    everywhere = [of(name, leaf) for name in (OWN, OTHER) for leaf in LEAVES]
    everywhere += [f"{ROOT}/hub/beat/hub", f"{ROOT}/p00/hub/up/journal", "other", "$SYS/x", ROOT]

    assert taken(own, everywhere) == [of(OWN, leaf) for leaf in sorted(LEAVES_UP)]


def test_a_controller_hears_its_own_down_and_nothing_else(guarded, hub, own, other):
    own.subscribe("#")
    own.subscribe(f"{ROOT}/#")
    for leaf in LEAVES:
        own.subscribe(of(OTHER, leaf))
    for leaf in sorted(LEAVES_UP):
        assert other.publish(of(OTHER, leaf), b"of the other")
    for name in (OTHER, OWN):
        for leaf in LEAVES:
            hub.send(Outgoing(of(name, leaf), b"of the hub"))
    hub.send(Outgoing(f"{ROOT}/hub/beat/hub", b"{}"))
    last = of(OWN, "down/ack")
    hub.send(Outgoing(last, b"last"))

    heard = []
    while not heard or heard[-1].payload != b"last":
        heard.append(own.next())
    assert {one.topic for one in heard} == {of(OWN, leaf) for leaf in LEAVES_DOWN}


def test_what_the_broker_keeps_for_others_is_not_told(guarded, hub, own):
    hub.send(Outgoing(of(OTHER, "down/config"), b"kept", retain=True))
    hub.send(Outgoing(of(OWN, "down/config"), b"mine", retain=True))

    own.subscribe("#")

    assert (message := own.next()) is not None
    assert (message.topic, message.payload) == (of(OWN, "down/config"), b"mine")
    assert own.next(0.3) is None
    for name in (OWN, OTHER):
        hub.send(Outgoing(of(name, "down/config"), b"", retain=True))


def test_a_will_speaks_for_nobody_else(guarded, hub, own, other):
    own.close()
    other.subscribe(of(OTHER, "down/#"))
    for target in (of(OTHER, "up/status"), of(OTHER, "down/command"), of(OWN, "up/status")):
        leaving = Plug(guarded.port, OWN, f"secret of {OWN}", will=target)
        assert not leaving.refused
        leaving.vanish()

    heard = hub.received.get(timeout=5)
    assert (heard.topic, heard.payload) == (of(OWN, "up/status"), b"a will")
    hub.send(Outgoing(of(OTHER, "down/ack"), b"no will before me"))
    assert other.next().payload == b"no will before me"
    assert hub.received.empty()


@pytest.mark.parametrize("victim", ["hub", OTHER])
def test_nobody_is_thrown_off_by_one_who_takes_his_client_id(guarded, hub, other, victim):
    guarded.let_in(OWN).close()

    thief = Plug(guarded.port, OWN, f"secret of {OWN}", client_id=victim)

    assert not thief.refused
    thief.subscribe(of(OWN, "down/#"))
    assert other.lost.empty()
    assert hub.connected
    hub.send(Outgoing(of(OWN, "down/ack"), b"still here"))
    assert thief.next().payload == b"still here"
    thief.close()


def test_no_controller_can_be_the_hub_at_the_broker(guarded):
    for password in ("", "guess", f"secret of {OWN}"):
        guest = Plug(guarded.port, "hub", password)
        assert guest.refused
        guest.close()
