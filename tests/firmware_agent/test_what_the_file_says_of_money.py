"""Acceptors and vending machines in the controller's file: every fault at once, in words."""

from __future__ import annotations

import pytest

from firmware_agent.config import parse_config
from firmware_agent.errors import ConfigError

MACHINE = """
[[machines]]
id = "till"
output = { driver = "none" }
"""


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(MACHINE + text)
    return caught.value.problems


def test_acceptors_and_a_vending_machine_are_taken():
    config = parse_config(
        MACHINE
        + """
        vend = { id = "mdb", driver = "mdb", port = "/dev/serial/by-id/usb-Qibixx" }
        [[machines.cash]]
        id = "coins"
        driver = "coin_pulse"
        pin = 5
        inhibit_pin = 6
        values = [10, 20, 50, 100, 200]
        [[machines.cash]]
        id = "notes"
        driver = "cctalk"
        kind = "note"
        port = "/dev/serial/by-id/usb-cctalk"
        country = "EU"
        value_max_minor = 2000
        """
    )
    assert [cash.most_minor for cash in config.machines[0].cash] == [200, 2000]


def test_all_that_is_wrong_with_pulses_comes_at_once():
    assert problems(
        """
        [[machines.cash]]
        id = "coins"
        driver = "coin_pulse"
        kind = "token"
        values = [10, -1]
        pulse_minor = 10
        pulse_ms_min = 50
        pulse_ms_max = 40
        path = "gpiochip0"
        """
    ) == (
        "machines[0].cash[0].kind: is 'token'; write coin or note",
        "machines[0].cash[0].values: write minor units, 0 for what isn't accepted",
        "machines[0].cash[0].pin: missing; write the BCM number of the pulse input",
        (
            "machines[0].cash[0]: write values, what a coin is worth by the number of its pulses, "
            "or pulse_minor, what each pulse is worth"
        ),
        (
            "machines[0].cash[0].value_max_minor: missing; write what the largest coin or note is "
            "worth"
        ),
        (
            "machines[0].cash[0]: pulse_ms_min must be above 0 and below pulse_ms_max, which is at "
            "most 500"
        ),
        "machines[0].cash[0].path: is 'gpiochip0'; write a GPIO chip like /dev/gpiochip0",
    )


def test_all_that_is_wrong_with_buses_comes_at_once():
    assert problems(
        """
        vend = { id = "mdb", driver = "mdb", baudrate = 1, exponent = 5 }
        [[machines.cash]]
        id = "coins"
        driver = "cctalk"
        port = "ttyUSB0"
        baudrate = 300
        address = 1
        checksum = "crc"
        [[machines.cash]]
        id = "notes"
        driver = "cctalk"
        country = "EUR"
        [[machines.cash]]
        id = "slot"
        driver = "ccTalk"
        """
    ) == (
        "machines[0].vend.port: missing; write an absolute path like /dev/serial/by-id/…",
        "machines[0].vend.baudrate: is 1; write 4800, 9600, 19200, 38400, 57600, 115200",
        "machines[0].vend.exponent: is 5; write 0 to 4",
        "machines[0].cash[0].port: is 'ttyUSB0'; write an absolute path like /dev/ttyAMA0",
        "machines[0].cash[0].baudrate: is 300; write 4800, 9600, 19200, 38400, 57600, 115200",
        "machines[0].cash[0].address: is 1; write 2 to 255, or leave it away",
        "machines[0].cash[0].checksum: is 'crc'; write simple or crc16",
        (
            "machines[0].cash[0]: write country, as the device names it (EU, GB), or values, what "
            "its coins or notes are worth in their order"
        ),
        "machines[0].cash[1].port: missing; write an absolute path like /dev/serial/by-id/…",
        "machines[0].cash[1].country: is 'EUR'; write two letters like EU",
        "machines[0].cash[1].value_max_minor: missing; write what may come in at once at most",
        "machines[0].cash[2].driver: is 'ccTalk'; write cctalk",
    )


def test_an_inhibit_pin_is_a_pin_like_others():
    assert problems(
        """
        [[machines.cash]]
        id = "coins"
        driver = "coin_pulse"
        pin = 5
        inhibit_pin = 5
        values = [10]
        """
    ) == (
        (
            "pin 5 is used by machines[0].cash[0].pin and machines[0].cash[0].inhibit_pin; each "
            "needs its own"
        ),
    )
