"""A relay that is on at low must not pull while its pin becomes an output."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import gpiozero
import pytest

from hardware.factory import open_output
from hardware.gpio import steady_factory
from hardware.specs import OutputSpec
from simulator.parts.parts_spec import ControllerParts, MachineParts, WorldParts
from simulator.parts.pins import install
from simulator.parts.world import World


def test_a_world_with_an_active_low_relay_never_sees_it_close(tmp_path, clock):
    machine = MachineParts(id="washer", relay_pin=17, relay_active_high=False)
    controller = ControllerParts(id="pi", pins=str(tmp_path / "pins"), machines=(machine,))
    before = gpiozero.Device.pin_factory
    with World(WorldParts(controllers=(controller,))) as world:
        bridge = install(tmp_path / "pins")
        try:
            output = open_output(OutputSpec(pin=17, active_high=False), clock)
            output.set_on(5_000)
            assert world.wait_relay("pi", "washer", closed=True, timeout_ms=5_000)
            output.set_off()
            assert world.wait_relay("pi", "washer", closed=False, timeout_ms=5_000)
            output.close()
        finally:
            bridge.close()
            gpiozero.Device.pin_factory = before
        assert [change.closed for change in world.history()] == [True, False]


@pytest.fixture
def lgpio(monkeypatch):
    """The kernel's side of lgpio: notes each claim of a line, with its level."""
    claims: list[tuple[str, int, int]] = []
    library = ModuleType("lgpio")
    library.claims = claims
    library.gpiochip_open = lambda _chip: 7
    library.gpiochip_close = lambda _handle: None
    library.gpio_claim_input = lambda _handle, pin, _flags=0: claims.append(("in", pin, -1))
    library.gpio_claim_output = lambda _handle, pin, level=0, _flags=0: claims.append(
        ("out", pin, level)
    )
    library.gpio_write = lambda _handle, pin, level: claims.append(("write", pin, int(level)))
    library.gpio_read = lambda _handle, pin: 1
    library.gpio_get_mode = lambda _handle, _pin: 2
    library.error = OSError
    for number, name in enumerate(
        ("BOTH_EDGES", "RISING_EDGE", "FALLING_EDGE", "SET_PULL_NONE", "SET_PULL_UP")
    ):
        setattr(library, name, number)
    library.SET_PULL_DOWN = 9
    monkeypatch.setitem(sys.modules, "lgpio", library)
    yield library
    for name in ("gpiozero.pins.lgpio",):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("active_high", "off"), [(True, 0), (False, 1)])
def test_gpiozero_on_lgpio_claims_a_line_at_its_off_level(lgpio, monkeypatch, active_high, off):
    from gpiozero.pins.lgpio import LGPIOFactory

    monkeypatch.setattr(LGPIOFactory, "_get_revision", lambda _: 0xC03111)
    factory = LGPIOFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    clock = SimpleNamespace(now=lambda: SimpleNamespace(mono_ms=0))

    output = open_output(OutputSpec(pin=17, active_high=active_high), clock)
    levels = [level for what, _, level in lgpio.claims if what in ("out", "write")]
    output.close()
    factory.close()

    assert set(levels) == {off}
    assert steady_factory().pin_class.steady
