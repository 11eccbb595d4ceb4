"""When a plug is told what: time is a number here."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hardware.plugs.brain import ANSWER_MS, ASK_MS, CONFIRM_MS, RETRY_MS, Brain
from hardware.plugs.dialects import PAYLOAD_BYTES_MAX, Report, Shelly1, Shelly2, Tasmota
from hardware.ports import LEASE_MS_MAX, HealthState
from hardware.specs import PlugSpec

ON, OFF = Report(is_on=True), Report(is_on=False)


class Plug:
    """What a dialect would send, in words."""

    topics = ()

    def __init__(self, timer=None):
        self.timer = timer

    def timer_for(self, lease_ms):
        return self.timer

    def set_timer(self, timer):
        return [("timer", str(timer).encode())]

    def lasts_ms(self, lease_ms):
        return lease_ms

    def on(self, lease_ms):
        return [("on", str(lease_ms).encode())]

    def off(self):
        return [("off", b"")]

    def ask(self):
        return [("ask", b"")]


def ready(timer=None):
    """A plug that is known and off, at 0 ms."""
    brain = Brain(Plug(timer), "here:1883")
    brain.drives = True
    brain.link_up(0)
    brain.hear(OFF, 0, is_old=False)
    assert said(brain, 0) == []
    return brain


def said(brain, now_ms):
    return [topic for topic, _ in brain.step(now_ms) if topic != "ask"]


def test_it_is_told_to_be_on_once_and_again_at_each_renewal():
    brain = ready()
    brain.want_on(5_000, 10)

    assert said(brain, 10) == ["on"]
    brain.hear(ON, 50, is_old=False)
    assert said(brain, 2_000) == []
    brain.want_on(5_000, 2_000)
    assert said(brain, 2_000) == ["on"]


def test_a_command_that_is_lost_is_sent_again():
    brain = ready()
    brain.want_on(5_000, 0)

    assert said(brain, 0) == ["on"]
    assert said(brain, RETRY_MS - 1) == []
    assert said(brain, RETRY_MS) == ["on"]


def test_its_timer_is_set_and_confirmed_before_it_may_be_on():
    brain = ready(timer=50)
    brain.want_on(5_000, 0)

    assert said(brain, 0) == ["timer"]
    brain.hear(Report(timer=40), 10, is_old=False)
    assert said(brain, 10) == []
    brain.hear(Report(timer=50), 20, is_old=False)
    assert said(brain, 20) == ["on"]


def test_one_that_does_not_obey_is_given_up_and_switched_off():
    brain = ready()
    brain.want_on(60_000, 0)
    said(brain, 0)
    brain.hear(OFF, CONFIRM_MS - 1, is_old=False)

    assert said(brain, CONFIRM_MS) in (["off"], [])
    assert "doesn't say that it did" in brain.health(CONFIRM_MS).reason
    assert brain.on_ms(CONFIRM_MS) == 0
    brain.want_off()
    brain.hear(OFF, CONFIRM_MS, is_old=False)
    assert brain.health(CONFIRM_MS).state is HealthState.UP


def test_one_that_says_nothing_is_down():
    brain = ready()

    assert brain.health(ANSWER_MS).state is HealthState.UP
    assert brain.health(ANSWER_MS + 1).state is HealthState.DOWN
    brain.hear(OFF, 9_000, is_old=False)
    assert brain.health(9_000).state is HealthState.UP


def test_it_is_asked_every_second():
    brain = ready()

    assert brain.step(ASK_MS) == [("ask", b"")]
    assert brain.step(ASK_MS + 1) == []


def test_what_the_broker_kept_tells_only_who_is_connected():
    brain = Brain(Plug(), "here")
    brain.link_up(0)
    brain.hear(ON, 1, is_old=True)
    assert brain.health(1).state is HealthState.UNKNOWN
    brain.hear(Report(is_online=False), 2, is_old=True)

    assert "lost its connection" in brain.health(2).reason


def test_a_meter_alone_never_switches():
    brain = Brain(Plug(), "here")
    brain.link_up(0)
    brain.hear(ON, 1, is_old=False)

    assert said(brain, 60_000) == []


def test_time_counts_from_when_it_says_so_to_when_its_timer_must_have_ended():
    brain = ready()
    brain.want_on(5_000, 0)
    said(brain, 0)
    brain.hear(ON, 300, is_old=False)
    brain.link_down("cut")

    assert brain.is_on(4_999)
    assert not brain.is_on(5_000)
    assert brain.on_ms(60_000) == 4_700


moves = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.sampled_from(["want_on", "want_off", "on", "off", "cut", "link", "offline", "step"]),
    ),
    max_size=60,
)


@given(moves)
def test_whatever_happens_it_is_never_told_to_be_on_without_a_lease(steps):
    brain = ready()
    now_ms, lease_ends, before_ms = 0, 0, 0
    for pause_ms, move in steps:
        now_ms += pause_ms
        if move == "want_on":
            brain.want_on(3_000, now_ms)
            lease_ends = now_ms + 3_000
        elif move == "want_off":
            brain.want_off()
            lease_ends = 0
        elif move in ("on", "off"):
            brain.hear(ON if move == "on" else OFF, now_ms, is_old=False)
        elif move == "offline":
            brain.hear(Report(is_online=False), now_ms, is_old=False)
        elif move == "cut":
            brain.link_down("cut")
        elif move == "link":
            brain.link_up(now_ms)
        for topic, payload in brain.step(now_ms):
            if topic == "on":
                assert 0 < int(payload) <= lease_ends - now_ms
        assert brain.on_ms(now_ms) >= before_ms
        assert brain.on_ms(now_ms) <= now_ms
        before_ms = brain.on_ms(now_ms)


@given(st.integers(1, LEASE_MS_MAX))
def test_a_timer_is_never_shorter_than_its_lease_and_at_most_a_second_longer(lease_ms):
    for dialect in (Shelly2(PlugSpec(kind="", topic="x")), Tasmota(PlugSpec(kind="", topic="x"))):
        assert lease_ms <= dialect.lasts_ms(lease_ms) < lease_ms + 1_000


@pytest.mark.parametrize("kind", [Shelly1, Shelly2, Tasmota])
@given(data=st.binary(max_size=60), topic=st.integers(0, 3))
def test_any_message_is_understood_or_passed_over(kind, data, topic):
    dialect = kind(PlugSpec(kind="", topic="x"))
    report = dialect.hear(dialect.topics[topic % len(dialect.topics)], data)

    assert isinstance(report, Report)


@pytest.mark.parametrize(
    ("total", "wh"),
    [
        (b"1234.567", 1234),
        (b"0", 0),
        (b"1e999999999", None),
        (b"-1e-999999999", None),
        (b'"12"', None),
        (b"true", None),
        (b"null", None),
        (b"[1]", None),
    ],
)
def test_an_energy_is_the_decimal_that_was_sent(total, wh):
    body = b'{"id":1,"result":{"id":0,"output":false,"aenergy":{"total":%s}}}' % total
    report = Shelly2(PlugSpec(kind="", topic="x")).hear("standpipe/x/0/rpc", body)

    assert report.is_on is False
    assert (None if report.energy_wh is None else report.energy_wh // 1) == wh


def test_a_message_without_end_is_passed_over():
    dialect = Tasmota(PlugSpec(kind="", topic="x"))
    body = b'{"POWER":"ON","x":"%s"}'

    assert dialect.hear("stat/x/RESULT", body % b"").is_on is True
    assert dialect.hear("stat/x/RESULT", body % (b"x" * PAYLOAD_BYTES_MAX)).is_on is None
