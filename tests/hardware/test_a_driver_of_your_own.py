"""A driver that nobody foresaw is one file, and its name in the configuration."""

from __future__ import annotations

import sys

import pytest

from firmware_agent.config import parse_config
from firmware_agent.errors import ConfigError
from hardware.errors import SpecError
from hardware.factory import METERS, open_meter
from hardware.ports import Quality, Reading
from hardware.specs import MeterSpec

DRIVER = '''
"""A water meter that writes litres into a file."""

from __future__ import annotations

from pathlib import Path

from hardware.drivers import Around
from hardware.ports import Quality, Reading
from hardware.specs import MeterSpec


def open_part(spec: MeterSpec, _: Around) -> FileMeter:
    return FileMeter(Path(str(spec.options["file"])))


class FileMeter:
    survives_restart = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._total = 0

    def read(self) -> Reading:
        try:
            self._total = int(self._path.read_text())
        except (OSError, ValueError):
            return Reading(self._total, Quality.SILENT, 0)
        return Reading(self._total, Quality.OK, 0)

    def close(self) -> None:
        pass
'''


@pytest.fixture
def drivers(tmp_path, monkeypatch):
    """A folder on the path, as the installed service has one."""
    folder = tmp_path / "drivers" / "village"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "village"]:
        del sys.modules[name]


def test_it_is_named_in_the_file_and_read_like_any_other(drivers, tmp_path, clock):
    (drivers / "water.py").write_text(DRIVER)
    litres = tmp_path / "litres"
    config = parse_config(
        '[[machines]]\nid = "tap"\noutput = { pin = 17 }\n'
        f'meter = {{ unit = "l", driver = "village.water", options = {{ file = "{litres}" }} }}\n'
    )

    meter = open_meter(config.machines[0].meter, clock)

    assert meter.read() == Reading(0, Quality.SILENT, 0)
    litres.write_text("17\n")
    assert meter.read() == Reading(17, Quality.OK, 0)
    meter.close()


def test_it_does_what_every_meter_must(drivers, tmp_path, clock):
    (drivers / "water.py").write_text(DRIVER)
    options = {"file": str(tmp_path / "litres")}
    meter = open_meter(MeterSpec(unit="l", driver="village.water", options=options), clock)

    meter.close()
    meter.close()

    assert meter.read() == Reading(0, Quality.SILENT, 0)
    assert isinstance(meter.survives_restart, bool)


def test_one_that_lacks_a_library_says_what_is_missing(drivers, clock):
    (drivers / "broken.py").write_text("import a_library_nobody_has\n")

    with pytest.raises(SpecError, match=r"a_library_nobody_has.*install what it needs"):
        open_meter(MeterSpec(unit="l", driver="village.broken"), clock)


def test_a_module_that_opens_nothing_is_no_driver(drivers, clock):
    (drivers / "empty.py").write_text("")

    with pytest.raises(SpecError, match="has no function open_part"):
        open_meter(MeterSpec(unit="l", driver="village.empty"), clock)


def test_a_misspelt_name_is_told_with_the_one_that_was_meant():
    with pytest.raises(ConfigError) as caught:
        parse_config(
            '[[machines]]\nid = "tap"\noutput = { pin = 17 }\n'
            'meter = { unit = "l", driver = "pulsee" }\n'
        )

    assert caught.value.problems == ("machines[0].meter.driver: is 'pulsee'; write pulse",)


@pytest.mark.parametrize("name", ["", "os", ".os", "os.", "os:system", "../x.y", "a b.c"])
def test_what_is_neither_short_name_nor_module_is_refused(name):
    assert METERS.complaint(name)
