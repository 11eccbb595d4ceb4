"""Signatures, chains, topics: what a broker or a thief can't do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from wire import chain, enrolment
from wire.codec import PAYLOAD_BYTES_MAX, Format, decode, decode_event, encode, format_of
from wire.downlink import Accounts, Ack, Action, Command
from wire.envelope import peek, seal, seal_batch, unseal, unseal_batch
from wire.errors import Code, DecodeError, SignatureError
from wire.keys import HUB, Signer, Verifier
from wire.topics import DOWN_ACK, LEAVES_DOWN, LEAVES_UP, parse_topic, partition_of, topic
from wire.uplink import JournalHeader, Want

HUB_SIGNER = Signer(bytes(range(32)), HUB)
WASH = Signer(bytes(range(1, 33)), "wash-1")
OTHER = Signer(bytes(range(2, 34)), "wash-2")
FORMATS = pytest.mark.parametrize("format_", list(Format))
ACK = Ack(receiver="wash-1", epoch="e", through_seq=7, head_hash="ab" * 32, hub_time_ms=5)
WANT = Want(
    sender="wash-1", receiver=HUB, request="wnt_1", epoch="e", session="ses_1", machine="m",
    account="a", card="c", amount_minor=500,
)  # fmt: skip


def header(count: int, **changes: object) -> JournalHeader:
    plain = JournalHeader(
        sender="wash-1", receiver=HUB, epoch="e", first_seq=1, count=count,
        prev_hash="00" * 32, head_hash="11" * 32,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def verifier(signer: Signer) -> Verifier:
    return Verifier(signer.public, signer.name)


@FORMATS
def test_a_sealed_body_comes_back(format_):
    payload = seal(ACK, HUB_SIGNER, format_)

    assert format_of(payload) is format_
    assert unseal(payload, Ack, verifier(HUB_SIGNER), "wash-1") == ACK
    assert peek(payload, Ack) == ACK


def test_another_hand_receiver_or_kind_is_refused():
    payload = seal(ACK, HUB_SIGNER)

    with pytest.raises(SignatureError):
        unseal(seal(ACK, OTHER), Ack, verifier(HUB_SIGNER), "wash-1")
    with pytest.raises(SignatureError):
        unseal(payload, Ack, verifier(HUB_SIGNER), "wash-2")
    with pytest.raises(SignatureError):
        unseal(payload, Accounts, verifier(HUB_SIGNER), "wash-1")


def test_a_message_for_another_is_told_apart_even_when_signed_for_us():
    raw = encode(ACK)
    signature = HUB_SIGNER.sign("ack", "wash-2", raw)
    payload = encode({"body": msgspec.Raw(raw), "signature": signature})

    with pytest.raises(SignatureError) as caught:
        unseal(payload, Ack, verifier(HUB_SIGNER), "wash-2")

    assert caught.value.code is Code.RECEIVER_WRONG


@settings(max_examples=300)
@given(st.data())
def test_any_changed_byte_is_refused(data):
    payload = bytearray(seal(WANT, WASH))
    index = data.draw(st.integers(0, len(payload) - 1))
    payload[index] ^= data.draw(st.integers(1, 255))

    with pytest.raises((DecodeError, SignatureError)):
        assert unseal(bytes(payload), Want, verifier(WASH), HUB) != WANT


@FORMATS
def test_a_batch_keeps_its_events_bytes(format_):
    events = (encode({"kind": "x", "seq": 1}, format_), encode({"kind": "y", "seq": 2}, format_))

    payload = seal_batch(header(2), events, WASH, format_)

    assert unseal_batch(payload, verifier(WASH), HUB) == (header(2), events)


def test_a_batch_must_say_how_many_events_it_has_and_who_sends_it():
    with pytest.raises(DecodeError):
        unseal_batch(seal_batch(header(2), (b"{}",), WASH), verifier(WASH), HUB)
    with pytest.raises(SignatureError):
        unseal_batch(seal_batch(header(0, sender="wash-2"), (), WASH), verifier(WASH), HUB)
    with pytest.raises(DecodeError):
        unseal_batch(seal_batch(header(101), (b"{}",) * 101, WASH), verifier(WASH), HUB)


@given(st.binary(max_size=300))
def test_bytes_that_are_nothing_are_refused_in_words(payload):
    for type_ in (Ack, Want, Command):
        with pytest.raises((DecodeError, SignatureError)):
            unseal(payload, type_, verifier(HUB_SIGNER), "wash-1")
    with pytest.raises(DecodeError):
        decode_event(payload)


def test_a_huge_payload_is_refused_before_it_is_read():
    with pytest.raises(DecodeError, match="limit"):
        decode(b"{" + b" " * PAYLOAD_BYTES_MAX + b"}", Ack)
    with pytest.raises(DecodeError):
        decode(b'{"a":' * 5_000, Ack)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "A" * 44])
def test_what_is_no_key_is_refused(key):
    if key == "A" * 44:
        key = key[:-1] + "="
        assert Verifier(key, "x").name == "x"
        return
    with pytest.raises(DecodeError):
        Verifier(key, "x")


@given(st.lists(st.binary(max_size=20), max_size=8), st.data())
def test_a_chain_notices_every_change(rows, data):
    start = chain.origin("wash-1", "e")
    whole = chain.head(start, rows)
    cut = data.draw(st.integers(0, len(rows)))

    assert chain.head(chain.head(start, rows[:cut]), rows[cut:]) == whole
    assert chain.head(chain.origin("wash-1", "f"), rows) != whole
    for index in range(len(rows)):
        assert chain.head(start, rows[:index] + rows[index + 1 :]) != whole


def test_topics_read_back_and_strangers_are_refused():
    for leaf in LEAVES_UP | LEAVES_DOWN:
        address = parse_topic(topic("p07", "wash-1", leaf))
        assert (address.partition, address.controller, address.leaf) == ("p07", "wash-1", leaf)
    for text in ("standpipe/v1/p07/wash-1/up/other", "standpipe/v2/p/c/up/want", "", "a/b/c/d/e/f"):
        with pytest.raises(DecodeError):
            parse_topic(text)
    assert {partition_of(f"c{i}") for i in range(2_000)} == {f"p{i:02d}" for i in range(64)}
    assert DOWN_ACK in LEAVES_DOWN


def test_an_enrolment_proves_the_secret_half_of_its_key():
    request = enrolment.EnrolmentRequest(
        controller="wash-1",
        code="c0de",
        public_key=WASH.public,
        proof=enrolment.prove(WASH, "c0de"),
    )
    enrolment.check_proof(request)

    stolen = msgspec.structs.replace(request, public_key=OTHER.public)
    with pytest.raises(SignatureError):
        enrolment.check_proof(stolen)


def test_a_command_names_its_end():
    command = Command(receiver="wash-1", id="cmd_1", action=Action.STOP, expires_ms=1)

    assert peek(seal(command, HUB_SIGNER), Command).expires_ms == 1
