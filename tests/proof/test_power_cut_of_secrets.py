"""Secrets are on disk, names and all, before anything is done with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware_agent.identity import IDENTITY_NAME, KEY_NAME, save_identity, save_key
from hub.clock import SystemClock
from hub.fleet.authority import Authority
from hub.ids import system_entropy
from hub.keystore import write_secret
from tests.firmware_agent.rig import CONTROLLER_SEED, identity


@pytest.fixture
def synced(monkeypatch) -> list[Path]:
    """What this process has synced since, in order."""
    paths: list[Path] = []
    usual = os.fsync

    def fsync(descriptor: int) -> None:
        usual(descriptor)
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_a_controllers_key_survives_a_power_cut_before_it_is_sent(tmp_path, synced):
    save_key(tmp_path, CONTROLLER_SEED)

    assert synced[-1] == tmp_path
    assert synced[0].name.startswith(KEY_NAME)


def test_an_enrolment_survives_a_power_cut_after_it_is_told(tmp_path, synced):
    save_identity(tmp_path, identity())

    assert synced[-2].name.startswith(IDENTITY_NAME)
    assert synced[-1] == tmp_path


def test_what_an_authority_gives_out_and_revokes_survives_a_power_cut(tmp_path, synced):
    authority = Authority(tmp_path, SystemClock(), system_entropy)
    authority.create("Test")
    synced.clear()

    authority.issue_client("pi-1")
    assert synced == [authority.folder / "issued.pem", authority.folder]
    authority.revoke("pi-1")
    assert synced[-2:] == [authority.folder / "crl.pem.new", authority.folder]


def test_the_hubs_secrets_survive_a_power_cut(tmp_path, synced):
    write_secret(tmp_path / "seed", "00")

    assert synced == [tmp_path / "seed", tmp_path]
