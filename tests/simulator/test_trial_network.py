"""The virtual broker: one client per name, and nobody is forgotten who waits for its turn."""

from __future__ import annotations

from random import Random

from simulator.trials.kernel import Kernel
from simulator.trials.network import Message, Network
from simulator.trials.witness import Witness

MINUTE_MS = 60_000


class End:
    def __init__(self):
        self.said = []

    def came_up(self):
        self.said.append("up")

    def went_down(self, reason):
        self.said.append("down")

    def came(self, message):
        self.said.append(message)


def test_who_tried_in_vain_when_a_copy_came_gets_its_line_back():
    kernel = Kernel()
    network = Network(kernel, Witness(lambda: kernel.now_ms), Random(1))
    line = network.line("c1", lambda _: False)
    own, copy = End(), End()
    network.cut("c1")
    network.connect(line, own, None)
    network.connect(line, copy, None)
    kernel.run_until(MINUTE_MS)
    network.leave(line, copy, vanishes=True)
    network.heal("c1")

    kernel.run_until(10 * MINUTE_MS)

    assert own.said[-1:] == ["up"]
    assert line.client is own


def test_a_trap_springs_once_right_after_a_message_of_its_kind():
    kernel = Kernel()
    network = Network(kernel, Witness(lambda: kernel.now_ms), Random(1))
    hub_line, line = network.line("hub", lambda _: False), network.line("c1", lambda _: True)
    hub, own = End(), End()
    network.connect(hub_line, hub, None)
    network.connect(line, own, None)
    kernel.run_until(MINUTE_MS)
    network.trap("c1", "down/ack", lambda: network.cut("c1"))

    for leaf in ("down/config", "down/ack", "down/accounts"):
        topic = f"standpipe/v1/p00/c1/{leaf}"
        network.publish(hub_line, Message(topic, b"", 0, retain=False), hub)
        kernel.run_until(kernel.now_ms + 1_000)

    came = [one.topic.rpartition("/")[2] for one in own.said if isinstance(one, Message)]
    assert came == ["config", "ack"]
