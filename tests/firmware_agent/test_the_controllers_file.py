"""The TOML file: everything that is wrong at once, with where and what to write."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from firmware_agent.config import KioskConfig, load_config, parse_config
from firmware_agent.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "deploy" / "agent.toml"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return caught.value.problems


def test_the_shipped_example_is_accepted():
    config = load_config(EXAMPLE)

    assert [machine.id for machine in config.machines] == ["washer-1", "socket-1", "socket-2"]
    assert config.machines[0].feedback is not None


def test_an_empty_file_is_a_controller_without_machines():
    assert parse_config("").machines == ()


def test_all_type_problems_come_at_once_with_their_paths():
    found = problems(
        """
        data_dirr = "/x"
        log_level = 3
        rtc = "yes"
        [[readers]]
        id = "front"
        [[machines]]
        id = "m"
        output = { pin = "17" }
        meter = { driver = "pulse" }
        """
    )

    assert found == (
        "data_dirr: no such key; write data_dir",
        "log_level: is 3; write text in quotes",
        "rtc: is 'yes'; write true or false",
        "readers[0].port: missing; write text in quotes",
        "machines[0].output.pin: is '17'; write a whole number",
        "machines[0].meter.unit: missing; write text in quotes",
    )


def test_all_rules_come_at_once():
    found = problems(
        """
        data_dir = "relative"
        log_level = "loud"
        wire_format = "xml"
        [[readers]]
        id = "Front"
        port = "ttyS0"
        driver = "rc522"
        [[machines]]
        id = "a"
        reader = "Front"
        output = { pin = 17 }
        meter = { unit = "Wh" }
        [[machines]]
        id = "a"
        reader = "Front"
        output = { pin = 17 }
        button = { pin = 99 }
        [[machines]]
        id = "c"
        reader = "nowhere"
        output = { pin = 18 }
        """
    )
    text = "\n".join(found)

    for expected in (
        "data_dir: write an absolute path",
        "log_level: is 'loud'",
        "wire_format: is 'xml'",
        "readers[0].id: is 'Front'",
        "readers[0].port: is 'ttyS0'",
        "readers[0].driver: is 'rc522'; write pn532, usb, pcsc, keyboard, or the module",
        "machines: the id 'a' is used 2 times",
        "machines[0].button: missing; 'Front' serves several machines",
        "machines[0].meter.pin: missing",
        "machines[1].button.pin: is 99; a BCM number is 0 to 27",
        "machines[2].reader: there is no reader 'nowhere'",
        "pin 17 is used by machines[0].output.pin and machines[1].output.pin",
    ):
        assert expected in text
    assert len(found) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("= 3", "not TOML"),
        ("machines = 3", "write [[machines]] above each of its tables"),
        ("machines = [3]", "machines[0]: write a table here"),
        ("[[machines]]\nid = 'm'", "machines[0].output: missing; write a table"),
        ("[[machines]]\nid = 'm'\noutput = {}", "machines[0].output.pin: missing; write the BCM"),
        ("[[machines]]\nid='m'\noutput={pin=1}\nvalve=3", "machines[0].valve: no such key; known"),
    ],
)
def test_a_problem_says_what_to_write(text, words):
    assert any(words in problem for problem in problems(text))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path / "none.toml")


def test_the_page_about_the_touch_screen_shows_every_key_of_it():
    page = (EXAMPLE.parents[1] / "docs" / "kiosk.md").read_text(encoding="utf-8")
    text = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert text is not None

    assert set(tomllib.loads(text[1])["kiosk"]) == set(KioskConfig.__struct_fields__)
    assert parse_config(text[1]).kiosk == KioskConfig()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('language = "fr"', "language: is 'fr'"),
        ('[kiosk]\nlanguage = "xx"', "kiosk.language: is 'xx'"),
        ("[kiosk]\nport = 70000", "kiosk.port"),
        ("[kiosk]\nidle_s = 600", "kiosk.idle_s"),
        ('[kiosk]\nreader = "door"', "kiosk.reader: there is no reader 'door'"),
        (
            '[[readers]]\nid = "a"\nport = "/dev/a"\nbuzzer = { pin = 5 }',
            "readers[0].buzzer: alone tells nothing",
        ),
    ],
)
def test_what_people_meet_is_checked(text, complaint):
    assert any(complaint in one for one in problems(text))
