"""TLS with a private authority, on mosquitto as it is shipped: who comes in and who doesn't."""

from __future__ import annotations

import threading
from queue import Queue

import pytest
from guarded import Guarded
from parts import require
from plug import Plug

from firmware_agent import tls
from firmware_agent.clock import SystemClock
from firmware_agent.identity import TLS_NAME
from firmware_agent.link import Up
from firmware_agent.mqtt_link import MqttLink as AgentLink, Way
from hub.errors import ConfigError
from hub.fleet.authority import Authority
from hub.fleet.certificates import CLIENT_DAYS, DAY_MS
from hub.ids import system_entropy
from hub.mqtt_link import MqttLink, Outgoing
from simulator.waiting import wait_for
from wire.clock import ManualClock
from wire.enrolment import BrokerAccess
from wire.topics import partition_of, topic
from wire.uplink import Presence, Status

pytestmark = pytest.mark.mosquitto
PI = "pi-1"
SECRET = f"secret of {PI}"
DOWN = topic(partition_of(PI), PI, "down/ack")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    require("mosquitto", "mosquitto")
    guarded = Guarded(tmp_path_factory.mktemp("mosquitto"), tls=True)
    try:
        guarded.files.set_password(PI, SECRET)
        guarded.let_in("first", guarded.context("first")).close()
        yield guarded
    finally:
        guarded.child.stop()


def refusal(guarded, name, context):
    plug = Plug(guarded.port, name, f"secret of {name}", context)
    plug.close()
    return plug.refused


def earlier(guarded, days):
    """The same authority, so many days ago."""
    clock = ManualClock(wall_ms=guarded.authority._now_ms() - days * DAY_MS)
    return Authority(guarded.folder, clock, system_entropy)


class AgentSide:
    """The agent's own link, with a certificate that it asked for."""

    def __init__(self, guarded, folder, host="127.0.0.1"):
        self.link = None
        key = tls.prepare_key(folder)
        made = guarded.authority.sign(PI, tls.request_for(PI, key))
        tls.keep_certificate(folder, key, made.pem)
        access = BrokerAccess(
            host=host,
            port=guarded.port,
            username=PI,
            password=SECRET,
            tls=True,
            ca_pem=guarded.authority.root_pem,
        )
        way = Way(access, partition_of(PI), folder / TLS_NAME)
        self.link = AgentLink(way, SystemClock(), threading.Event())
        self.link.start(Status(state=Presence.OFFLINE, boot_id="boot_1"))

    def is_up(self):
        return any(isinstance(event, Up) for event in self.link.poll()) or self.link.is_up


def test_agent_and_hub_speak_over_tls_with_certificates_of_their_own(guarded, tmp_path):
    hub = MqttLink(guarded.mqtt, Queue().put, lambda: None)
    hub.start()
    agent = AgentSide(guarded, tmp_path)
    wait_for("the hub is connected", lambda: hub.connected, 10)
    wait_for("the agent is connected", agent.is_up, 10)

    hub.send(Outgoing(DOWN, b"over TLS"))
    came = wait_for("it came", lambda: [e for e in agent.link.poll() if hasattr(e, "payload")], 5)

    assert came[0].payload == b"over TLS"
    agent.link.close()
    hub.close()


@pytest.mark.parametrize("what", ["nothing", "another authority", "broker's own", "ended"])
def test_without_a_good_certificate_the_right_password_is_worth_nothing(guarded, tmp_path, what):
    if what == "nothing":
        context = guarded.context_of()
    elif what == "another authority":
        other = Authority(tmp_path, SystemClock(), system_entropy)
        other.create("Test")
        context = guarded.context(PI, other)
    elif what == "broker's own":
        context = guarded.context_of(*guarded.authority.issue_broker(["127.0.0.1"]))
    else:
        context = guarded.context(PI, earlier(guarded, CLIENT_DAYS + 1))

    assert refusal(guarded, PI, context)
    assert not refusal(guarded, PI, guarded.context(PI))


def test_a_good_certificate_without_the_password_is_worth_nothing(guarded):
    guest = Plug(guarded.port, PI, "wrong", guarded.context(PI))
    guest.close()

    assert guest.refused


def test_nobody_comes_in_without_tls(guarded):
    assert refusal(guarded, PI, None)


def test_revoked_certificates_are_refused_without_a_restart_one_after_the_other(guarded):
    contexts = {}
    for name in ("stolen-1", "stolen-2"):
        contexts[name] = guarded.context(name)
        guarded.let_in(name, contexts[name]).close()

    # Two lists within one second: the broker has to take the later one.
    for name, context in contexts.items():
        guarded.authority.revoke(name)
        guarded.files.publish_list(guarded.authority.list_pem)

        def shut_out(name=name, context=context):
            return refusal(guarded, name, context)

        assert wait_for(f"{name} is refused", shut_out, 5)
    assert not refusal(guarded, PI, guarded.context(PI))


def test_a_controller_that_is_connected_is_thrown_off_when_it_is_revoked(guarded):
    stolen = guarded.let_in("stolen-3", guarded.context("stolen-3"))

    guarded.files.remove_user("stolen-3")

    assert stolen.lost.get(timeout=5)
    stolen.close()


# paho drops the socket of a handshake that failed without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_agent_believes_no_broker_of_another_name(guarded, tmp_path):
    agent = AgentSide(guarded, tmp_path, host="localhost")

    assert not any(agent.is_up() for _ in range(20) if not threading.Event().wait(0.05))
    agent.link.close()


def test_a_renewed_certificate_is_taken_and_the_old_one_until_it_ends(guarded):
    certificate, key = guarded.authority.issue_client("pi-9")
    renewed = guarded.authority.renew("pi-9")

    guarded.let_in("pi-9", guarded.context_of(certificate, key)).close()
    guarded.let_in("pi-9", guarded.context_of(renewed.pem, key)).close()


def test_a_file_that_is_no_certificate_is_said_in_words(guarded, tmp_path):
    import dataclasses

    (tmp_path / "bad.pem").write_text("rubbish")
    config = dataclasses.replace(guarded.mqtt, certificate_file=tmp_path / "bad.pem")

    with pytest.raises(ConfigError, match=r"bad\.pem"):
        MqttLink(config, Queue().put, lambda: None)
