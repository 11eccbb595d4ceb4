"""The contract between controller and hub: everything that `wire` decodes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.fuzz.samples import sample
from tests.fuzz.target import FaultError, Target, plain
from wire import downlink, enrolment, events, machines, uplink
from wire.codec import Format, decode, decode_event, encode
from wire.codes import CODE_DIGITS, Misread, OfflineCode, is_well_formed, read_code, write_code
from wire.envelope import JournalBatch, Signed, peek, seal, seal_batch, unseal, unseal_batch
from wire.errors import DecodeError, SignatureError, TariffError, WireError
from wire.keys import HUB, Signer, Verifier
from wire.money import AmountError, known_unit, parse_amount
from wire.rating import rate, split_tax
from wire.tariff import Tariff
from wire.topics import parse_topic, topic
from wire.usage import Usage, add_use, zone

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
BODIES: tuple[type[msgspec.Struct], ...] = (
    uplink.JournalHeader,
    uplink.Want,
    uplink.Status,
    uplink.StateView,
    uplink.Result,
    downlink.Ack,
    downlink.Accounts,
    downlink.Command,
    downlink.CardEntry,
    machines.Config,
    enrolment.EnrolmentRequest,
    enrolment.EnrolmentReply,
    Tariff,
)
ENVELOPES: tuple[type[msgspec.Struct], ...] = (Signed, JournalBatch)
SIGNER = Signer(bytes(range(32)), HUB)
WASH = Signer(bytes(range(1, 33)), "wash-1")
KEY = bytes(range(32))
ENROLMENT_CODE = "abcd"
UNITS = ("EUR", "PTS")


def golden() -> dict[str, bytes]:
    """Messages as they were once written, by name."""
    kept = json.loads((GOLDEN / "v1.json").read_text())
    return {name: json.dumps(value, separators=(",", ":")).encode() for name, value in kept.items()}


def as_msgpack(line: bytes) -> bytes:
    """The same value in the other format; what is no JSON stays as it is."""
    try:
        return msgspec.msgpack.encode(msgspec.json.decode(line))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return line


def check_message(data: bytes) -> None:
    """What decodes can be encoded in both formats, and means the same again."""
    kind = BODIES[data[0] % len(BODIES)] if data else BODIES[0]
    for payload in {data[1:], as_msgpack(data[1:])}:
        try:
            body = decode(payload, kind)
        except DecodeError:
            continue
        _same_again(body, kind)


def check_event(data: bytes) -> None:
    """A journal event, or one of a later version, or none."""
    for payload in {data, as_msgpack(data)}:
        try:
            event = decode_event(payload)
        except DecodeError:
            continue
        if not isinstance(event, events.UnknownEvent):
            _same_again(event, type(event))


def check_envelope(data: bytes) -> None:
    """Nothing that wasn't signed comes out of an envelope, and nothing else than refusal."""
    for kind in (downlink.Ack, downlink.Accounts, downlink.Command, machines.Config):
        for payload in (data, as_msgpack(data)):
            with contextlib.suppress(DecodeError):
                peek(payload, kind)
            try:
                unseal(payload, kind, Verifier(SIGNER.public, HUB), "wash-1")
            except (DecodeError, SignatureError):
                continue
            if bytes(decode(payload, Signed).body) not in _SEALED:
                raise FaultError("an envelope that nobody signed was opened")


def check_batch(data: bytes) -> None:
    """A batch of events, also one that is signed whatever it holds."""
    lines = data.split(b"\n")
    header, raws = lines[0], tuple(msgspec.Raw(line) for line in lines[1:])
    signature = WASH.sign("journal", HUB, header)
    batch = JournalBatch(header=msgspec.Raw(header), events=raws, signature=signature)
    for payload in (data, encode(batch), encode(batch, Format.MSGPACK)):
        try:
            unseal_batch(payload, Verifier(WASH.public, "wash-1"), HUB)
        except (DecodeError, SignatureError):
            continue


def check_topic(data: bytes) -> None:
    """A topic that is one of ours comes back as it was."""
    text = data.decode(errors="replace")
    try:
        address = parse_topic(text)
    except DecodeError:
        return
    if topic(address.partition, address.controller, address.leaf) != text:
        raise FaultError(f"{text!r} is read as {address}")


def check_code(data: bytes) -> None:
    """Typed digits are a code only if they are one that was written."""
    typed = data.decode(errors="replace")
    found = read_code(KEY, "wash-1", UNITS, typed)
    is_well_formed(typed)
    if isinstance(found, Misread):
        return
    again = write_code(KEY, "wash-1", *found).replace(" ", "")
    if again != "".join(sign for sign in typed if sign.isdigit()) or len(again) != CODE_DIGITS:
        raise FaultError(f"{typed!r} is read as {found}")


def check_tariff(data: bytes) -> None:
    """A price is never below 0 and never falls with more use, whatever the tariff."""
    text, _, used = data.partition(b"\n")
    try:
        tariff = decode(text, Tariff)
        zone(tariff.timezone)
        usage = msgspec.json.decode(used, type=Usage)
    except (DecodeError, TariffError, msgspec.MsgspecError, ValueError):
        return
    price = rate(tariff, usage)
    more = add_use(tariff, usage, 1_790_000_000_000, 60_000, 3)
    if not 0 <= price <= rate(tariff, more):
        raise FaultError(f"{price} for {usage}")
    split_tax(tariff, price)


def check_amount(data: bytes) -> None:
    """An amount that a person typed, and the code of a unit."""
    text = data.decode(errors="replace")
    for code in UNITS:
        try:
            parse_amount(text, known_unit(code))
        except AmountError:
            continue
    try:
        known_unit(text)
    except AmountError:
        return


def check_enrolment(data: bytes) -> None:
    """The exchange by which a controller becomes known."""
    try:
        request = decode(data, enrolment.EnrolmentRequest)
        enrolment.check_proof(request)
    except WireError:
        return
    if (request.public_key, request.code) != (WASH.public, ENROLMENT_CODE):
        raise FaultError("a proof that nobody made was taken")


def _same_again(body: msgspec.Struct, kind: type[msgspec.Struct]) -> None:
    for format_ in Format:
        again = decode(encode(body, format_), kind)
        if again != body:
            raise FaultError(f"{kind.__name__} in {format_.value} comes back as {again}")


def _messages() -> Iterator[bytes]:
    kept = golden()
    names = {
        "journal_header": 0,
        "want": 1,
        "status": 2,
        "state": 3,
        "result": 4,
        "ack": 5,
        "accounts": 6,
        "command": 7,
        "card_entry_of_a_member": 8,
        "config": 9,
        "enrolment_reply": 11,
        "enrolment_reply_with_codes": 11,
        "tariff": 12,
    }
    for name, index in names.items():
        yield bytes([index]) + kept[name]
    for index, kind in enumerate(BODIES):
        yield bytes([index]) + sample(kind)


def _events() -> Iterator[bytes]:
    for text in golden().values():
        if b'"seq"' in text[:60]:
            yield text
    for kind in events.AnyEvent.__args__:
        yield sample(kind)
    yield b'{"kind":"of_tomorrow","seq":4,"at":{"wall_ms":1,"mono_ms":1,"boot_id":"b"}}'


def _envelopes() -> Iterator[bytes]:
    for kind in (downlink.Ack, downlink.Accounts, downlink.Command):
        body = msgspec.json.decode(sample(kind), type=kind)
        body = msgspec.structs.replace(body, receiver="wash-1")
        for format_ in Format:
            yield seal(body, SIGNER, format_)


def _batches() -> Iterator[bytes]:
    header = msgspec.json.decode(sample(uplink.JournalHeader), type=uplink.JournalHeader)
    header = msgspec.structs.replace(header, sender="wash-1", receiver=HUB, count=2)
    some = tuple(list(_events())[:2])
    for format_ in Format:
        yield seal_batch(header, some, WASH, format_)
    yield b"\n".join((encode(header), *some))


def _tariffs() -> Iterator[bytes]:
    for text in (golden()["tariff"], sample(Tariff)):
        yield text + b"\n[[-1,60000,40],[0,30000,5]]"
        yield text + b"\n[[-1,1000000000000,1000000000000]]"


def _codes() -> Iterator[bytes]:
    for code in (OfflineCode(1, 1_000), OfflineCode(2, 5_000, 2027)):
        text = write_code(KEY, "wash-1", "EUR", code)
        yield text.encode()
        yield text.replace(" ", "-").encode()
    yield "\u0661".encode() * CODE_DIGITS


def _enrolments() -> Iterator[bytes]:
    request = enrolment.EnrolmentRequest(
        controller="wash-1",
        code=ENROLMENT_CODE,
        public_key=WASH.public,
        proof=enrolment.prove(WASH, ENROLMENT_CODE),
    )
    yield encode(request)


_SEALED = frozenset(bytes(decode(payload, Signed).body) for payload in _envelopes())

TARGETS = (
    Target(
        name="messages",
        about="every body that travels; what decodes can be sent on",
        open=lambda _: plain(check_message),
        seeds=_messages,
        examples=120,
    ),
    Target(name="events", about="journal events", open=lambda _: plain(check_event), seeds=_events),
    Target(
        name="envelopes",
        about="signed bodies; none is opened that wasn't signed",
        open=lambda _: plain(check_envelope),
        seeds=_envelopes,
    ),
    Target(name="batches", about="batches", open=lambda _: plain(check_batch), seeds=_batches),
    Target(
        name="topics",
        about="MQTT topics",
        open=lambda _: plain(check_topic),
        seeds=lambda: (b"standpipe/v1/p07/wash-1/up/journal", b"standpipe/v1/p07/x/down/ack"),
    ),
    Target(name="codes", about="offline codes", open=lambda _: plain(check_code), seeds=_codes),
    Target(
        name="amounts",
        about="amounts that people type",
        open=lambda _: plain(check_amount),
        seeds=lambda: (b"12.50", b"-3", b" 999999999999999999.999999 ", b"EUR"),
    ),
    Target(
        name="tariffs",
        about="tariffs and what they price; never below 0, never less for more",
        open=lambda _: plain(check_tariff),
        seeds=_tariffs,
    ),
    Target(
        name="enrolments",
        about="requests of new controllers",
        open=lambda _: plain(check_enrolment),
        seeds=_enrolments,
    ),
)
