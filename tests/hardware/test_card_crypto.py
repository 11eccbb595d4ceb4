"""Bytes that cards and readers exchange, held to what their makers published."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given, strategies as st

from hardware.cards import cmac, ev2, key_change, messaging, sun
from hardware.cards.errors import CardDataError, ProofError
from hardware.cards.ev2 import Session, SessionKeys

VECTORS = json.loads(
    (pathlib.Path(__file__).parents[1] / "data" / "vectors" / "cards.json").read_text()
)
ZERO = bytes(16)
KEYS = st.binary(min_size=16, max_size=16)


def vector(name):
    return {
        key: bytes.fromhex(value) if isinstance(value, str) else value
        for key, value in VECTORS[name].items()
    }


def session_in(one):
    keys = SessionKeys(one.get("session_enc_key", ZERO), one["session_mac_key"])
    return Session(keys, one["transaction_id"], one["command_counter"])


@pytest.mark.parametrize("one", VECTORS["rfc4493"], ids=lambda one: f"{len(one['message']) // 2}")
def test_cmac_is_that_of_the_rfc(one):
    made = cmac.cmac(bytes.fromhex(one["key"]), bytes.fromhex(one["message"]))

    assert made.hex() == one["cmac"]


def test_a_key_is_made_as_the_application_note_makes_it():
    one = vector("an10922_aes128")
    data = one["uid"] + one["application_id"] + one["system_id"]

    assert cmac.diversified_key(one["master_key"], data) == one["diversified_key"]


@given(KEYS, st.binary(min_size=1, max_size=31))
def test_a_key_made_from_two_blocks_is_their_cmac(key, data):
    """Below 16 bytes it isn't: AN10922 pads to two blocks also there."""
    is_same = cmac.diversified_key(key, data) == cmac.cmac(key, b"\x01" + data)

    assert is_same == (len(data) >= 16)


@pytest.mark.parametrize("length", [0, 32])
def test_no_key_is_made_from_nothing_or_from_too_much(length):
    with pytest.raises(CardDataError):
        cmac.diversified_key(ZERO, bytes(length))


EXCHANGE = vector("an12196_ev2_first_key0")


def test_the_reader_answers_a_challenge_as_published():
    one = EXCHANGE

    answer, random_b = ev2.answer_to(ZERO, one["rnd_b_encrypted"], one["rnd_a"])

    assert random_b == one["rnd_b"]
    assert answer == one["host_answer"]


def test_the_reader_agrees_on_the_published_session():
    one = EXCHANGE

    session = ev2.session_of(ZERO, one["rnd_a"], one["rnd_b"], one["card_answer"])

    assert session.transaction_id == one["transaction_id"]
    assert session.keys.encryption == one["session_enc_key"]
    assert session.keys.mac == one["session_mac_key"]
    assert one["session_mac_key"].hex() not in repr(session)


def test_a_virtual_card_speaks_as_the_published_one():
    one = EXCHANGE

    assert ev2.challenge(ZERO, one["rnd_b"]) == one["rnd_b_encrypted"]
    message, session = ev2.card_answer(
        ZERO, one["rnd_b"], one["host_answer"], one["transaction_id"]
    )
    assert message == one["card_answer"]
    assert session.keys.mac == one["session_mac_key"]


@given(KEYS, KEYS, KEYS, KEYS, st.binary(min_size=4, max_size=4))
def test_both_sides_agree_exactly_if_they_hold_one_key(key, other, random_a, random_b, name):
    answer, found = ev2.answer_to(key, ev2.challenge(key, random_b), random_a)
    message, at_card = ev2.card_answer(key, random_b, answer, name)

    assert found == random_b
    assert ev2.session_of(key, random_a, random_b, message) == at_card
    if other != key:
        with pytest.raises(ProofError):
            ev2.session_of(other, random_a, random_b, message)
        with pytest.raises(ProofError):
            ev2.card_answer(other, random_b, answer, name)


@pytest.mark.parametrize("length", [0, 15, 17, 31, 33, 64])
def test_messages_of_a_wrong_length_are_refused(length):
    with pytest.raises(CardDataError):
        ev2.session_of(ZERO, ZERO, ZERO, bytes(length))
    with pytest.raises(CardDataError):
        ev2.answer_to(ZERO, bytes(length), ZERO)
    with pytest.raises(CardDataError):
        ev2.card_answer(ZERO, ZERO, bytes(length), bytes(4))


def test_a_command_with_mac_and_its_answer_are_as_published():
    one = vector("an12196_mac_mode_get_file_settings")
    session = session_in(one)

    assert messaging.command_mac(session, one["command"][0], one["data"]) == one["mac"]
    answer = one["response"] + one["response_mac"]
    assert messaging.checked_answer(messaging.counted(session), answer) == one["response"]


@pytest.mark.parametrize(
    "name", ["an12196_full_mode_change_file_settings", "an12196_change_other_key"]
)
def test_an_encrypted_command_and_its_answer_are_as_published(name):
    one = vector(name)
    session = session_in(one)
    if "data" in one:
        code, header, plain = one["command"][0], one["header"], one["data"]
    else:
        plain = key_change.other_key_data(one["new_key"], one["old_key"], one["version"])
        assert plain.endswith(one["checksum"])
        code, header = 0xC4, one["key_number"]

    sent = messaging.with_mac(session, code, header, messaging.encrypted_data(session, plain))

    assert sent == one["apdu"][5:-1]
    assert messaging.checked_answer(messaging.counted(session), one["response_mac"]) == b""


def test_the_change_of_the_session_s_own_key_is_as_published():
    one = vector("an12196_change_own_key")
    session = session_in(one)
    plain = key_change.own_key_data(one["new_key"], one["version"])

    secret = messaging.encrypted_data(session, plain)

    assert messaging.with_mac(session, 0xC4, one["key_number"], secret) == one["apdu"][5:-1]


SESSIONS = st.builds(
    Session,
    st.builds(SessionKeys, KEYS, KEYS),
    st.binary(min_size=4, max_size=4),
    st.integers(0, messaging.COUNTER_MAX - 1),
)


@given(SESSIONS, st.binary(max_size=64))
def test_what_one_side_encrypts_the_other_reads(session, plain):
    after = messaging.counted(session)

    assert messaging.decrypted_command(session, messaging.encrypted_data(session, plain)) == plain
    assert messaging.decrypted_data(after, messaging.encrypted_answer(after, plain)) == plain


@given(SESSIONS, st.binary(max_size=40), st.data())
def test_an_answer_with_one_wrong_bit_proves_nothing(session, data, draw):
    """Also one that is a status only: nothing but a MAC comes with it."""
    right = data + messaging.answer_mac(session, 0, data)
    bit = draw.draw(st.integers(0, len(right) * 8 - 1))
    wrong = bytearray(right)
    wrong[bit // 8] ^= 1 << bit % 8

    assert messaging.checked_answer(session, right) == data
    with pytest.raises(ProofError):
        messaging.checked_answer(session, bytes(wrong))


@given(SESSIONS, st.binary(max_size=40))
def test_an_answer_can_t_be_played_again(session, data):
    answer = data + messaging.answer_mac(session, 0, data)

    with pytest.raises(ProofError):
        messaging.checked_answer(messaging.counted(session), answer)


@pytest.mark.parametrize("answer", [b"", b"\0" * 7, b"\0" * 8])
def test_an_answer_without_a_mac_proves_nothing(answer):
    with pytest.raises(ProofError):
        messaging.checked_answer(Session(SessionKeys(ZERO, ZERO), bytes(4)), answer)


def test_a_session_ends_before_its_counter_turns_over():
    last = Session(SessionKeys(ZERO, ZERO), bytes(4), messaging.COUNTER_MAX)

    with pytest.raises(CardDataError):
        messaging.counted(last)


def test_a_signed_read_is_as_published():
    one = vector("an12196_sun")

    tap = sun.decrypted_picc_data(ZERO, one["picc_data_encrypted"])

    assert tap.uid == one["uid"]
    assert tap.counter == int.from_bytes(one["counter"], "little")
    assert sun.session_mac_key(ZERO, tap) == one["session_mac_key"]
    sun.check_sun(ZERO, tap, one["mac"])


@given(KEYS, st.binary(min_size=7, max_size=7), st.integers(0, 0xFFFFFF), st.binary(max_size=40))
def test_a_signature_is_of_one_read_only(key, uid, counter, message):
    tap = sun.Tap(uid, counter)
    mac = sun.sun_mac(key, tap, message)
    sun.check_sun(key, tap, mac, message)

    for other in (sun.Tap(uid, counter ^ 1), sun.Tap(bytes((uid[0] ^ 1,)) + uid[1:], counter)):
        with pytest.raises(ProofError):
            sun.check_sun(key, other, mac, message)
    with pytest.raises(ProofError):
        sun.check_sun(key, tap, mac, message + b"0")


@given(KEYS, st.binary(min_size=7, max_size=7), st.integers(0, 0xFFFFFF))
def test_uid_and_count_are_read_with_their_key(key, uid, counter):
    tap = sun.Tap(uid, counter)

    assert sun.decrypted_picc_data(key, sun.encrypted_picc_data(key, tap, bytes(5))) == tap


@pytest.mark.parametrize("secret", [b"", bytes(15), bytes(16), bytes(17)])
def test_what_no_card_wrote_names_no_card(secret):
    with pytest.raises(CardDataError):
        sun.decrypted_picc_data(ZERO, secret)


@pytest.mark.parametrize(
    ("key", "version"), [(bytes(15), 1), (bytes(17), 1), (ZERO, -1), (ZERO, 256)]
)
def test_no_key_is_changed_to_what_is_none(key, version):
    with pytest.raises(CardDataError):
        key_change.own_key_data(key, version)
    with pytest.raises(CardDataError):
        key_change.other_key_data(key, ZERO, version)
