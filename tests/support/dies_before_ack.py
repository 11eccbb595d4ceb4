"""A real hub on a real broker that dies at the moment when it would send its first ack."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from hub.bootstrap import build_hub
from hub.config import load_config
from hub.mqtt_link import MqttLink, Outgoing


class DeadlyLink(MqttLink):
    def send(self, message: Outgoing) -> bool:
        if message.topic.endswith("down/ack"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().send(message)


if __name__ == "__main__":
    hub = build_hub(load_config(Path(sys.argv[1])))
    link = DeadlyLink(hub.config.mqtt, hub.uplink.receive, hub.downlink.connected)
    hub.downlink.attach(link)
    hub.writer.start()
    hub.downlink.start()
    hub.uplink.start()
    link.start()
    threading.Event().wait()
