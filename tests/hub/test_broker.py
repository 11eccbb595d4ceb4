"""The shipped mosquitto configuration, with the files that the hub keeps for it."""

from __future__ import annotations

from queue import Empty, Queue

import pytest
from guarded import Guarded
from parts import require
from plug import Plug

from hub.config import BrokerConfig, MqttConfig
from hub.errors import ConfigError
from hub.fleet.broker_files import BrokerFiles, password_line, password_matches
from hub.ids import system_entropy
from hub.mqtt_link import MqttLink, Outgoing, Received
from simulator.waiting import wait_for

PI_1 = "standpipe/v1/p07/pi-1"
PI_2 = "standpipe/v1/p08/pi-2"

needs_mosquitto = pytest.mark.usefixtures("real_mosquitto")


@pytest.fixture
def real_mosquitto() -> None:
    """Skips with the reason where mosquitto is missing; fails where CI must have it."""
    require("mosquitto", "mosquitto")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
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


def heard(received):
    try:
        return received.get(timeout=5)
    except Empty:
        return None


@pytest.mark.mosquitto
@needs_mosquitto
def test_users_come_and_go_without_a_restart(guarded):
    stranger = Plug(guarded.port, "pi-1")
    assert "authorized" in stranger.refused.lower()
    stranger.close()
    guarded.let_in("pi-1").close()
    wrong = Plug(guarded.port, "pi-1", "something else")
    assert wrong.refused
    wrong.close()

    guarded.files.remove_user("pi-1")

    def shut_out():
        plug = Plug(guarded.port, "pi-1", "secret of pi-1")
        plug.close()
        return plug.refused

    assert wait_for("pi-1 is shut out", shut_out, 5)


@pytest.mark.mosquitto
@needs_mosquitto
def test_a_controller_writes_and_reads_its_own_topics_only(guarded, hub):
    one, two = guarded.let_in("pi-1"), guarded.let_in("pi-2")
    one.subscribe("standpipe/#")

    one.publish(f"{PI_2}/up/journal", b"forged")
    one.publish(f"{PI_1}/down/ack", b"forged")
    one.publish(f"{PI_1}/up/journal", b"own")
    assert heard(hub.received) == Received(f"{PI_1}/up/journal", b"own")
    hub.send(Outgoing(f"{PI_2}/down/command", b"not for one"))
    hub.send(Outgoing(f"{PI_1}/down/command", b"for one"))

    message = one.next()
    assert (message.topic, message.payload) == (f"{PI_1}/down/command", b"for one")
    assert one.next(0.3) is None
    one.close()
    two.close()


@pytest.mark.mosquitto
@needs_mosquitto
def test_content_type_retain_and_expiry_pass_through(guarded, hub):
    hub.send(Outgoing(f"{PI_1}/down/config", b"{}", retain=True, expiry_s=60))
    one = guarded.let_in("pi-1")

    one.subscribe(f"{PI_1}/down/#")

    message = one.next()
    assert message.retain
    assert message.properties.ContentType == "application/json"
    assert 0 < message.properties.MessageExpiryInterval <= 60
    one.close()


@pytest.mark.mosquitto
@needs_mosquitto
def test_the_link_comes_back_after_the_broker_was_killed(guarded, hub):
    guarded.child.kill()
    wait_for("the hub notices", lambda: not hub.connected, 10)
    assert not hub.send(Outgoing(f"{PI_1}/down/ack", b"lost"))

    guarded.child.start()

    wait_for("the hub is connected again", lambda: hub.connected, 20)
    one = guarded.let_in("pi-1")
    one.publish(f"{PI_1}/up/want", b"hello")
    assert heard(hub.received).payload == b"hello"
    one.close()


def test_a_password_line_fits_its_password_only():
    line = password_line("pi-1", "right", b"s" * 12)

    assert line.startswith("pi-1:$7$101$")
    assert password_matches(line, "right")
    assert not password_matches(line, "wrong")
    assert not password_matches("pi-1:plain", "plain")


def test_one_line_for_each_user(tmp_path):
    files = BrokerFiles(BrokerConfig(password_file=tmp_path / "passwords"), system_entropy)
    for password in ("one", "two", "two"):
        files.set_password("pi-1", password)
    files.set_password("pi-2", "three")

    lines = (tmp_path / "passwords").read_text().splitlines()

    assert [line.partition(":")[0] for line in lines] == ["pi-1", "pi-2"]
    assert password_matches(lines[0], "two")


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path):
    files = BrokerFiles(BrokerConfig(acl_file=tmp_path / "no" / "acl"), system_entropy)

    with pytest.raises(ConfigError, match="acl"):
        files.prepare(MqttConfig(username="hub"))
