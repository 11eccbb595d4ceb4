"""Certificates come with the enrolment and go with the controller."""

from __future__ import annotations

import stat

import httpx
import pytest
from cryptography import x509

from firmware_agent import rotation, tls
from firmware_agent.enrolment import enrol
from firmware_agent.identity import TLS_NAME
from hub.bootstrap import Hub
from hub.commands.ca import list_issued, revoke
from hub.errors import ConflictError, InputError
from hub.fleet.authority import FOLDER, Authority
from hub.fleet.certificates import CLIENT_DAYS, DAY_MS, SOON_DAYS, name_of
from hub.jobs.certificates import _tell
from tests.hub_web.conftest import make_key
from wire.clock import ManualClock
from wire.errors import Code


@pytest.fixture
def staff(served: str, hub: Hub):
    hub.authority.create("Test")
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with httpx.Client(base_url=f"{served}/api/v1", headers=headers, trust_env=False) as client:
        client.post("/sites", json={"id": "cellar", "timezone": "UTC"})
        client.post("/controllers", json={"id": "pi-1", "site": "cellar"})
        yield client


def code_of(staff) -> str:
    return staff.post("/controllers/pi-1/enrolment-codes", json={}).json()["code"]


def serials(hub: Hub, *, good: bool) -> list[int]:
    return [one.serial for one in hub.authority.issued() if (one.revoked_ms is None) is good]


def test_a_controller_gets_its_certificate_and_its_key_never_leaves(
    staff, served: str, hub: Hub, tmp_path
) -> None:
    folder = tmp_path / "agent"
    enrolled = enrol(folder, served, "pi-1", code_of(staff), "1")

    certificate = x509.load_pem_x509_certificate(enrolled.reply.broker.certificate_pem.encode())
    assert name_of(certificate) == "pi-1"
    assert serials(hub, good=True) == [certificate.serial_number]
    assert stat.S_IMODE((folder / TLS_NAME).stat().st_mode) == 0o600
    key = (folder / TLS_NAME).read_text().splitlines()[1]
    for path in hub.config.data.rglob("*"):
        if path.is_file() and folder not in path.parents:
            assert key.encode() not in path.read_bytes(), path
    ends_ms = tls.certificate_ends_ms(folder)
    assert ends_ms is not None
    assert ends_ms // 1_000 == (hub.clock.now().wall_ms + CLIENT_DAYS * DAY_MS) // 1_000


def test_the_same_key_gets_the_same_certificate_and_another_key_ends_it(
    staff, served: str, hub: Hub, tmp_path
) -> None:
    code, folder = code_of(staff), tmp_path / "agent"
    first = enrol(folder, served, "pi-1", code, "1")
    assert enrol(folder, served, "pi-1", code, "1") == first

    rotation.rotate(folder, served, "1")

    assert len(serials(hub, good=True)) == len(serials(hub, good=False)) == 1


def test_a_revoked_controller_has_no_good_certificate(
    staff, served: str, hub: Hub, tmp_path
) -> None:
    enrol(tmp_path / "agent", served, "pi-1", code_of(staff), "1")

    staff.post("/controllers/pi-1/revoke")

    assert serials(hub, good=True) == []
    listed = x509.load_pem_x509_crl(hub.authority.list_pem.encode())
    assert [one.serial_number for one in listed] == serials(hub, good=False)


def test_a_hub_without_an_authority_lets_controllers_in_without_certificates(
    served: str, hub: Hub, tmp_path
) -> None:
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with httpx.Client(base_url=f"{served}/api/v1", headers=headers, trust_env=False) as client:
        client.post("/sites", json={"id": "cellar", "timezone": "UTC"})
        client.post("/controllers", json={"id": "pi-1", "site": "cellar"})
        enrolled = enrol(tmp_path / "agent", served, "pi-1", code_of(client), "1")

    assert enrolled.reply.broker.certificate_pem == ""


def test_what_ends_soon_is_an_alarm_until_it_is_renewed(hub: Hub, clock: ManualClock) -> None:
    def look() -> list[int]:
        ending = hub.authority.ending()
        hub.writer.run(lambda tx: _tell(tx, ending))
        with hub.store.read() as connection:
            rows = connection.exec_driver_sql("SELECT code FROM alarms WHERE cleared_ms IS NULL")
            return list(rows.scalars())

    hub.authority.create("Test")
    hub.authority.issue_client("pi-1")
    assert look() == []
    clock.advance((CLIENT_DAYS - SOON_DAYS) * DAY_MS + 1)
    assert look() == [Code.CERTIFICATE_ENDS]
    hub.authority.renew("pi-1")
    assert look() == []


@pytest.mark.parametrize("pem", ["", "rubbish", "-----BEGIN CERTIFICATE REQUEST-----", "x" * 9_999])
def test_what_is_no_request_gets_no_certificate(hub: Hub, pem: str) -> None:
    hub.authority.create("Test")

    with pytest.raises(InputError):
        hub.authority.sign("pi-1", pem)
    assert hub.authority.issued() == []


def test_an_authority_is_made_once_and_safely(hub: Hub) -> None:
    hub.authority.create("Test")
    before = hub.authority.root_pem

    with pytest.raises(ConflictError):
        hub.authority.create("Again")

    assert hub.authority.root_pem == before
    folder = hub.config.data / FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600


def test_a_certificate_that_a_power_cut_tore_is_none(hub: Hub) -> None:
    hub.authority.create("Test")
    hub.authority.issue_client("pi-1")
    path = hub.config.data / FOLDER / "issued.pem"
    path.write_text(path.read_text()[:-200])

    assert hub.authority.issued() == []
    hub.authority.issue_client("pi-2")
    assert [one.name for one in hub.authority.issued()] == ["pi-2"]


def test_a_name_is_revoked_by_hand_while_the_hub_runs(hub: Hub, capsys) -> None:
    hub.authority.create("Test")
    hub.authority.issue_client("pi-1")

    assert revoke(hub.config.data, "pi-1") == 0
    assert list_issued(hub.config.data, as_json=False) == 0
    assert "revoked" in capsys.readouterr().out
    assert isinstance(hub.authority, Authority)
    assert serials(hub, good=True) == []
