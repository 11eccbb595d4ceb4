"""Properties of the source itself."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("wire", "hardware", "firmware_agent", "hub", "simulator")
LINES_MAX = 500
FUNCTION_LINES_MAX = 70
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
COMMANDS = {
    "firmware_agent.cli": ("nfc", "gpiozero", "paho", "sqlite_utils", "httpx", "serial"),
    "hub.cli": ("litestar", "sqlalchemy", "alembic", "paho", "uvicorn", "httpx"),
    "simulator.cli": ("litestar", "sqlalchemy", "paho", "iotcore", "gpiozero", "nfc"),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_concept(path):
    source = path.read_text()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]

    assert source.count("\n") <= LINES_MAX
    if path.parent.name == "versions":
        return  # a step of the schema is as long as its tables
    for function in functions:
        assert (function.end_lineno or 0) - function.lineno < FUNCTION_LINES_MAX, function.name


@pytest.mark.parametrize("module", sorted(COMMANDS))
def test_help_loads_no_heavy_library(module):
    code = (
        f"import sys; sys.argv = ['x', '--help']; import {module} as m\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        f"print('LOADED', *[n for n in {COMMANDS[module]!r} if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED"
    assert "Usage" in done.stdout


def test_drivers_alone_import_their_library():
    libraries = {"nfc", "gpiozero", "serial", "lgpio", "smartcard"}
    homes: dict[str, set[str]] = {}
    for path in SOURCES:
        if path.is_relative_to(ROOT / "simulator"):
            continue
        for name in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE):
            if name in libraries:
                homes.setdefault(name, set()).add(path.relative_to(ROOT).parts[0])

    assert all(packages == {"hardware"} for packages in homes.values()), homes


def test_prices_are_never_divided_as_fractions():
    for package in ("wire", "hub/ledger", "hub/charging", "hub/payments", "firmware_agent/core"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
                floats = isinstance(node, ast.Constant) and isinstance(node.value, float)
                if divides and isinstance(node.right, ast.Constant | ast.JoinedStr):
                    assert isinstance(node.right.value, str), f"{path}:{node.lineno}"
                assert not floats, f"{path}:{node.lineno}"
