"""How a controller becomes known, and how it is shut out."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from firmware_agent import tls
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.fleet import controllers, enrolment
from hub.fleet.certificates import read_request
from wire.enrolment import EnrolmentRequest, prove
from wire.errors import Code
from wire.keys import Signer, decode_bytes
from wire.topics import partition_of

DAY_MS = 24 * 3_600_000


@pytest.fixture
def code(desk):
    desk.run(lambda tx: controllers.add_controller(tx, "pi-1", "cellar"))
    return desk.run(lambda tx: enrolment.new_code(tx, "pi-1", desk.entropy))


def request_with(code, seed=b"1" * 32, **changes):
    signer = Signer(seed, "pi-1")
    request = EnrolmentRequest(
        controller="pi-1", code=code, public_key=signer.public, proof=prove(signer, code)
    )
    return msgspec.structs.replace(request, **changes)


def enrol(desk, request):
    return desk.run(lambda tx: enrolment.enrol(tx, request, desk.hub.keys, desk.hub.config))


def test_a_code_takes_a_controller_in_and_tells_it_all_it_needs(desk, code):
    reply = enrol(desk, request_with(code)).reply

    assert (reply.controller, reply.site) == ("pi-1", "cellar")
    assert reply.partition == partition_of("pi-1")
    assert reply.hub_public_key == desk.hub.signer.public
    assert decode_bytes(reply.card_salt) == desk.hub.keys.card_salt
    assert (reply.broker.host, reply.broker.port) == ("127.0.0.1", 1883)
    assert reply.broker.username == "pi-1"
    assert len(reply.broker.password) >= 32
    assert desk.rows("SELECT state FROM controllers") == [("active",)]


def test_a_retry_by_the_same_key_gets_the_same_reply(desk, code):
    first = enrol(desk, request_with(code))

    assert enrol(desk, request_with(code)) == first
    assert (
        enrol(
            desk, request_with(code.upper(), proof=prove(Signer(b"1" * 32, "pi-1"), code.upper()))
        )
        == first
    )


def test_a_used_code_takes_no_other_key_in(desk, code):
    enrol(desk, request_with(code))

    with pytest.raises(RefusedError) as refusal:
        enrol(desk, request_with(code, b"2" * 32))
    assert refusal.value.code is Code.CODE_INVALID


def test_a_code_ends_after_a_day(desk, code):
    desk.clock.advance(DAY_MS)

    with pytest.raises(RefusedError):
        enrol(desk, request_with(code))


def test_a_code_is_for_one_name(desk, code):
    desk.run(lambda tx: controllers.add_controller(tx, "pi-2", "cellar"))
    signer = Signer(b"2" * 32, "pi-2")
    request = EnrolmentRequest(
        controller="pi-2", code=code, public_key=signer.public, proof=prove(signer, code)
    )

    with pytest.raises(RefusedError):
        enrol(desk, request)


@pytest.mark.parametrize("text", ["", "wrong", "x" * 10_000])
def test_a_wrong_code_is_refused(desk, code, text):
    with pytest.raises(RefusedError):
        enrol(desk, request_with(text))


def test_a_proof_of_another_key_is_refused(desk, code):
    proof = prove(Signer(b"2" * 32, "pi-1"), code)

    with pytest.raises(RefusedError) as refusal:
        enrol(desk, request_with(code, proof=proof))
    assert refusal.value.code is Code.KEY_INVALID
    with pytest.raises(InputError):
        enrol(desk, request_with(code, public_key="no key"))


def test_neither_code_nor_password_is_in_the_database(desk, code, tmp_path):
    password = enrol(desk, request_with(code)).password

    for path in tmp_path.glob("hub.db*"):
        data = path.read_bytes()
        assert code.encode() not in data
        assert password.encode() not in data


def test_a_new_code_lets_a_replaced_controller_in_under_the_same_name(desk, code):
    enrol(desk, request_with(code))
    desk.run(lambda tx: controllers.revoke(tx, "pi-1"))
    second = desk.run(lambda tx: enrolment.new_code(tx, "pi-1", desk.entropy))

    enrol(desk, request_with(second, b"2" * 32))

    assert desk.rows("SELECT state, public_key FROM controllers") == [
        ("active", Signer(b"2" * 32, "pi-1").public)
    ]


def test_codes_are_for_controllers_that_exist_and_not_too_many(desk, code):
    with pytest.raises(NotFoundError):
        desk.run(lambda tx: enrolment.new_code(tx, "pi-9", desk.entropy))
    for _ in range(enrolment.CODES_PER_CONTROLLER_MAX - 1):
        desk.run(lambda tx: enrolment.new_code(tx, "pi-1", desk.entropy))
    with pytest.raises(InputError):
        desk.run(lambda tx: enrolment.new_code(tx, "pi-1", desk.entropy))


def test_a_controller_stands_at_one_site(desk, code):
    from hub.fleet import sites

    desk.run(lambda tx: sites.add_site(tx, sites.Site(id="attic")))

    with pytest.raises(ConflictError):
        desk.run(lambda tx: controllers.add_controller(tx, "pi-1", "attic"))
    with pytest.raises(InputError):
        desk.run(lambda tx: controllers.add_controller(tx, "Pi 1/#", "cellar"))


def test_a_request_for_a_certificate_of_another_kind_is_refused_in_words():
    with TemporaryDirectory() as folder:
        pem = tls.request_for("pi-1", tls.prepare_key(Path(folder)))
    der = b64decode("".join(pem.splitlines()[1:-1]))
    other_curve = der.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a0648ce3d0201"), 1)
    other_version = der.replace(bytes.fromhex("020100"), bytes.fromhex("020101"), 1)

    for bent in (other_curve, other_version):
        assert bent != der
        text = b64encode(bent).decode()
        with pytest.raises(InputError):
            read_request(
                f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"
            )
