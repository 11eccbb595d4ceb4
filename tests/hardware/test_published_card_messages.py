"""More messages of cards, as their makers published them: whole commands and signed reads."""

from __future__ import annotations

import json
import pathlib

import pytest

from hardware.cards import ev2, messaging, sun
from hardware.cards.ev2 import Session, SessionKeys

VECTORS = json.loads(
    (pathlib.Path(__file__).parents[1] / "data" / "vectors" / "cards.json").read_text()
)
ZERO = bytes(16)
APDU_DATA_AT = 5


def vector(one):
    return {
        key: bytes.fromhex(value)
        if isinstance(value, str) and key not in ("example", "mac_input")
        else value
        for key, value in one.items()
    }


def session_in(one):
    keys = SessionKeys(one["session_enc_key"], one["session_mac_key"])
    return Session(keys, one["transaction_id"], one["command_counter"])


@pytest.mark.parametrize("name", ["an12196_ev2_first_key0", "an12196_ev2_first_key3"])
def test_an_authentication_is_as_published_on_both_sides(name):
    one = vector(VECTORS[name])

    answer, random_b = ev2.answer_to(ZERO, one["rnd_b_encrypted"], one["rnd_a"])
    at_reader = ev2.session_of(ZERO, one["rnd_a"], random_b, one["card_answer"])
    message, at_card = ev2.card_answer(ZERO, random_b, answer, one["transaction_id"])

    assert (answer, message) == (one["host_answer"], one["card_answer"])
    assert at_reader == at_card
    assert at_reader.keys == SessionKeys(one["session_enc_key"], one["session_mac_key"])
    assert at_reader.transaction_id == one["transaction_id"]


@pytest.mark.parametrize(
    "name",
    [
        "an12196_full_mode_change_file_settings",
        "an12196_full_mode_write_ndef",
        "an12196_full_mode_write_file3",
    ],
)
def test_an_encrypted_command_is_as_published_and_its_card_reads_it(name):
    one = vector(VECTORS[name])
    session = session_in(one)
    code, header = one["command"][0], one["header"]

    secret = messaging.encrypted_data(session, one["data"])
    sent = messaging.with_mac(session, code, header, secret)

    assert sent == one["apdu"][APDU_DATA_AT:-1]
    heard = messaging.checked_command(session, code, sent)
    assert messaging.decrypted_command(session, heard[len(header) :]) == one["data"]
    assert messaging.checked_answer(messaging.counted(session), one["response_mac"]) == b""


def test_an_encrypted_answer_is_as_published():
    one = vector(VECTORS["an12196_full_mode_get_card_uid"])
    session = session_in(one)
    after = messaging.counted(session)

    assert messaging.with_mac(session, one["command"][0], b"") == one["apdu"][APDU_DATA_AT:-1]
    secret = messaging.checked_answer(after, one["response"] + one["response_mac"])
    assert messaging.decrypted_data(after, secret) == one["uid"]
    assert messaging.encrypted_answer(after, one["uid"]) == one["response"]


def test_the_session_keys_of_a_read_are_as_published():
    one = vector(VECTORS["an12196_sun_session_keys"])
    tap = sun.Tap(one["uid"], int.from_bytes(one["counter"], "little"))

    assert sun.session_mac_key(one["file_key"], tap) == one["session_mac_key"]
    assert sun.session_encryption_key(one["file_key"], tap) == one["session_enc_key"]


@pytest.mark.parametrize("one", VECTORS["an12196_sun_file_data"], ids=lambda one: one["mac"])
def test_a_signed_read_with_encrypted_data_is_as_published(one):
    one = vector(one)

    tap = sun.decrypted_picc_data(ZERO, one["picc_data_encrypted"])

    assert tap == sun.Tap(one["uid"], int.from_bytes(one["counter"], "little"))
    sun.check_sun(ZERO, tap, one["mac"], one["mac_input"].encode())
    assert sun.decrypted_file_data(ZERO, tap, one["file_data_encrypted"]) == one["file_data"]
