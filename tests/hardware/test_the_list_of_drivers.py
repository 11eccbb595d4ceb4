"""Every driver that ships can be found by its name, and has what opens a part."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import pytest

from hardware import factory
from hardware.drivers import OPENER, Drivers

SHIPPED = sorted(
    (drivers.part, name, module)
    for drivers in vars(factory).values()
    if isinstance(drivers, Drivers)
    for name, module in drivers.modules.items()
)


@pytest.mark.parametrize(("part", "name", "module"), SHIPPED)
def test_a_short_name_leads_to_a_module_that_opens_parts(part, name, module):
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"the {part} driver {name!r} has no file"
    assert spec.origin is not None

    source = pathlib.Path(spec.origin).read_text(encoding="utf-8")

    # Read and not loaded: its library may be missing here.
    assert f"def {OPENER}(" in source


@pytest.mark.parametrize("drivers", [d for d in vars(factory).values() if isinstance(d, Drivers)])
def test_a_short_name_has_no_dot_so_that_ones_own_never_clashes(drivers):
    assert not any("." in name for name in drivers.names)


def test_the_list_loads_none_of_them():
    code = (
        "import sys, hardware.factory\n"
        "drivers = {m for d in vars(hardware.factory).values()"
        " if isinstance(d, hardware.factory.Drivers) for m in d.modules.values()}\n"
        "assert not drivers & set(sys.modules), drivers & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
