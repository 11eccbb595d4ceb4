"""The controller's own certificate: its key stays here, and doctor says when it ends."""

from __future__ import annotations

import stat

import pytest
from cryptography import x509

from firmware_agent import tls
from firmware_agent.doctor import _certificate
from firmware_agent.errors import IdentityError
from firmware_agent.identity import TLS_NAME
from hub.fleet.authority import Authority
from hub.fleet.certificates import CLIENT_DAYS, DAY_MS, SOON_DAYS
from hub.ids import system_entropy
from wire.clock import ManualClock

NAME = "laundry-1"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def authority(tmp_path, clock):
    authority = Authority(tmp_path, clock, system_entropy)
    authority.create("Test")
    return authority


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


def certify(folder, authority):
    key = tls.prepare_key(folder)
    made = authority.sign(NAME, tls.request_for(NAME, key))
    tls.keep_certificate(folder, key, made.pem)
    return key


def test_the_key_is_made_once_and_read_by_its_owner_only(folder):
    first = tls.prepare_key(folder)

    assert tls.prepare_key(folder) == first
    assert tls.prepare_key(folder, fresh=True) != first
    assert stat.S_IMODE((folder / tls.TLS_KEY_NAME).stat().st_mode) == 0o600


def test_what_is_asked_for_names_the_controller_and_holds_no_secret(folder):
    key = tls.prepare_key(folder)
    request = tls.request_for(NAME, key)

    assert x509.load_pem_x509_csr(request.encode()).subject.rfc4514_string() == f"CN={NAME}"
    assert "PRIVATE" not in request


def test_a_certificate_of_another_key_or_none_is_not_kept(folder, authority):
    key = tls.prepare_key(folder)
    other, _ = authority.issue_client(NAME)

    for pem in (other, "rubbish"):
        with pytest.raises(IdentityError):
            tls.keep_certificate(folder, key, pem)
    assert not (folder / TLS_NAME).exists()


def test_doctor_says_in_time_that_it_ends(folder, authority, clock):
    assert _certificate(folder, clock).ok
    certify(folder, authority)
    assert _certificate(folder, clock).ok
    clock.advance((CLIENT_DAYS - SOON_DAYS + 1) * DAY_MS)
    assert not _certificate(folder, clock).ok
    assert "rotate" in _certificate(folder, clock).words
    clock.advance(SOON_DAYS * DAY_MS)
    assert "has ended" in _certificate(folder, clock).words
    (folder / TLS_NAME).write_text("rubbish")
    assert not _certificate(folder, clock).ok


def test_a_damaged_key_is_told(folder):
    (folder / tls.TLS_KEY_NAME).write_text("rubbish")

    with pytest.raises(IdentityError, match="enrol anew"):
        tls.prepare_key(folder)
