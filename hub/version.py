"""Which version of the package this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def package_version() -> str:
    """Version of this package, as installed."""
    try:
        return version("standpipe")
    except PackageNotFoundError:
        return "unknown"
