"""The wheel: what it holds, and that each role's extra installs and starts alone."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = {"wire", "hardware", "firmware_agent", "hub", "simulator"}
pytestmark = pytest.mark.packaging

# What an extra must not bring, and modules whose import shows that it starts alone.
EXTRAS = {
    "agent": ("standpipe-agent", {"litestar", "sqlalchemy", "uvicorn", "iotcore"}),
    "hub": ("standpipe-hub", {"gpiozero", "nfc", "serial", "iotcore", "sqlite_utils"}),
    "simulator": ("standpipe-sim", set()),
}
START = {
    "agent": ("firmware_agent.bootstrap", "firmware_agent.runtime"),
    "hub": ("hub.bootstrap", "hub.web.app"),
    "simulator": ("simulator.cli",),
}


def run(*command: str | pathlib.Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_our_five_packages_and_nothing_else(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == PACKAGES


def test_the_wheel_holds_what_is_not_python(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    for suffix in (".html", ".css", ".js", "script.py.mako", "py.typed"):
        assert any(name.endswith(suffix) for name in names), suffix


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_extra_installs_and_starts_alone(extra, wheel, tmp_path):
    command, strangers = EXTRAS[extra]
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    pip = (python, "-m", "pip", "-q", "--disable-pip-version-check", "install")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / f"{extra}.txt")
    run(*pip, "--no-deps", wheel)

    assert "Usage" in run(tmp_path / "env" / "bin" / command, "--help")
    run(python, "-m", "pip", "check")
    found = run(
        python,
        "-c",
        "import importlib.util, sys; "
        "print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m)])",
        *sorted(strangers),
    )
    assert found.split() == []
    for module in START[extra]:
        run(python, "-W", "error", "-c", f"import {module}")


def test_pins_have_hashes_and_no_address():
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "--hash=sha256:" in text, path
        assert "://" not in text, path
        assert "index-url" not in text, path
