"""What decodes can be stored, shown and sent on: no number or text is beyond every database."""

from __future__ import annotations

import msgspec
import pytest

from wire.codec import Format, decode, decode_event, encode
from wire.enrolment import BrokerAccess
from wire.errors import DecodeError, TariffError
from wire.events import Boot, CardRefused, MachineFault, Stamp
from wire.keys import Signer, Verifier, decode_bytes, encode_bytes
from wire.machines import Config, Machine, Policy
from wire.tariff import Tier, check_tiers
from wire.uplink import MachineView, Outcome, Result, StateView

AT = Stamp(wall_ms=1, mono_ms=1, boot_id="b")
HUGE = 10**30
GOOD = (
    Boot(seq=1, at=AT, version="1"),
    CardRefused(seq=1, at=AT, machine="m", card="c", code=101),
    MachineFault(seq=1, at=AT, machine="m", code=501),
    MachineView(machine="m", state="free"),
    StateView(at_ms=1),
    Result(sender="c", receiver="hub", id="cmd_1", outcome=Outcome.DONE),
    Config(receiver="c", version=1),
    Machine(id="m", name="m"),
    Policy(),
    BrokerAccess(host="h", port=1, username="u", password="p"),
)
NUMBERS = [
    (body, name)
    for body in GOOD
    for name in body.__struct_fields__
    if type(getattr(body, name)) is int
]


@pytest.mark.parametrize(("body", "name"), NUMBERS)
def test_a_number_beyond_64_bits_is_refused(body, name):
    bent = msgspec.to_builtins(body) | {name: HUGE}

    decode(encode(body), type(body))
    with pytest.raises(DecodeError, match=name):
        decode(msgspec.json.encode(bent), type(body))


def test_a_tier_does_not_end_beyond_all_use():
    with pytest.raises(TariffError, match="up_to"):
        check_tiers((Tier(1, HUGE), Tier(1)))


@pytest.mark.parametrize("format_", list(Format))
def test_a_text_with_a_nul_is_refused(format_):
    body = MachineFault(seq=1, at=AT, machine="m", code=501, detail="a\0b")
    with pytest.raises(DecodeError, match="NUL"):
        decode(encode(body, format_), MachineFault)
    with pytest.raises(DecodeError, match="NUL"):
        decode_event(encode(body, format_))
    view = MachineView(machine="m", state="free", name="\0")
    with pytest.raises(DecodeError, match="NUL"):
        decode(encode(StateView(at_ms=1, machines=(view,)), format_), StateView)


@pytest.mark.parametrize("format_", list(Format))
def test_a_zero_byte_that_is_no_text_is_fine(format_):
    body = MachineFault(seq=256, at=AT, machine="m", code=512, detail="\\u0000 as typed")

    assert decode_event(encode(body, format_)) == body


def test_what_is_wrong_is_said_without_a_nul():
    bent = msgspec.to_builtins(Boot(seq=1, at=AT, version="1"))
    bent["at"]["clock"] = "a\0b"

    with pytest.raises(DecodeError) as refused:
        decode_event(msgspec.json.encode(bent))
    assert "\0" not in str(refused.value)


def test_a_key_can_be_written_in_one_way_only():
    public = Signer(bytes(range(32)), "wash-1").public
    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = public[:-2] + spare[spare.index(public[-2]) + 1] + "="

    Verifier(public, "wash-1")
    with pytest.raises(DecodeError):
        Verifier(twin, "wash-1")
    for data in (b"", b"a", b"ab", b"abc", bytes(64)):
        assert decode_bytes(encode_bytes(data)) == data
