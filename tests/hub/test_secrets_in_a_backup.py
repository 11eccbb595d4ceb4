"""A backup holds every secret that a hub needs to go on, and none is lost on the way."""

from __future__ import annotations

import stat

from desk import Desk

from hub.bootstrap import build_hub
from hub.commands.backup import backup, restore
from hub.config import HubConfig
from hub.fleet import hub_key
from hub.fleet.authority import FOLDER
from hub.mqtt_link import NoLink


def test_a_restored_hub_signs_with_its_newest_key_and_goes_on_making_certificates(tmp_path):
    data, again, file = tmp_path / "hub", tmp_path / "again", tmp_path / "hub.backup"
    data.mkdir()
    desk = Desk(data)
    hub_key.rotate(data, desk.hub.writer, desk.hub.keys, desk.entropy)
    desk.hub.authority.create("Test")
    desk.hub.authority.issue_client("pi-1")
    desk.hub.authority.revoke("pi-1")
    before = [(one.serial, one.revoked_ms) for one in desk.hub.authority.issued()]
    signed_by = desk.hub.signer.public

    assert backup(data, "", file, as_json=True) == 0
    desk.close()
    assert restore(again, "", file, as_json=True) == 0

    hub = build_hub(HubConfig(data=again), link=NoLink(), alone=True)
    assert hub.signer.public == signed_by
    assert [(one.serial, one.revoked_ms) for one in hub.authority.issued()] == before
    hub.authority.issue_client("pi-2")
    hub.close()
    assert stat.S_IMODE((again / FOLDER).stat().st_mode) == 0o700
    assert stat.S_IMODE((again / FOLDER / "ca.key").stat().st_mode) == 0o600
