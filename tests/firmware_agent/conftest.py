"""A controller with its hub, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware_agent.rig import BERT, Rig, entry


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Online and configured; Anna has 20.00, Bert nothing and no floor."""
    rig = Rig(tmp_path)
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry(), entry(BERT, "bert", floor_minor=0))
    rig.run(2_000)
    yield rig
    rig.agent.close()


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Rig]:
    """Configured, and without network since."""
    rig = Rig(tmp_path, online=False)
    rig.configure()
    rig.cards(entry(), entry(BERT, "bert", floor_minor=0))
    rig.run(1_000)
    yield rig
    rig.agent.close()
