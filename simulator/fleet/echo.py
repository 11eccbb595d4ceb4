"""What a fleet is compared with: a program that answers wants and does nothing else.

`python -m simulator.fleet.echo PORT` answers each want at the broker with a signed
message of the form and size that a hub sends. It checks nothing, keeps nothing and books
nothing: what is left is the broker, the connections, one signature and our own driver.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from wire.downlink import Accounts, Right, WantAnswer
from wire.envelope import peek, seal
from wire.keys import HUB, SEED_BYTES, Signer
from wire.topics import DOWN_ACCOUNTS, ROOT, UP_WANT, parse_topic, topic
from wire.uplink import Want

READY = "ready"
CLIENT_ID = "echo"


def main() -> None:
    """Answer until killed."""
    port = int(sys.argv[1])
    signer = Signer(bytes(SEED_BYTES), HUB)
    client = Client(CallbackAPIVersion.VERSION2, CLIENT_ID, protocol=MQTTProtocolVersion.MQTTv5)

    def answer(_: Client, __: Any, message: MQTTMessage) -> None:
        address = parse_topic(message.topic)
        want = peek(bytes(message.payload), Want)
        body = Accounts(
            receiver=want.sender,
            epoch=want.epoch,
            revision=0,
            rights=(Right(account=want.account, granted_minor=want.amount_minor),),
            answers=(WantAnswer(request=want.request, granted_minor=want.amount_minor),),
            hub_time_ms=want.sent_ms,
        )
        down = topic(address.partition, address.controller, DOWN_ACCOUNTS)
        client.publish(down, seal(body, signer), 1)

    client.on_message = answer
    client.on_subscribe = lambda *_: print(READY, flush=True)
    client.connect("127.0.0.1", port)
    client.subscribe(f"{ROOT}/+/+/{UP_WANT}", qos=1)
    client.loop_start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
