"""Frames and checksums between host and PN532."""

from __future__ import annotations

from hypothesis import given, strategies as st
from nfc.clf.device import Device

from simulator.parts.hsu import ACK_FRAME, DATA_BYTES_MAX, Frame, FrameReader, encode_frame
from simulator.parts.tags import crc_a

payloads = st.binary(min_size=1, max_size=DATA_BYTES_MAX)


@given(st.lists(payloads, max_size=5), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(datas, data):
    stream = b"".join(encode_frame(one) + ACK_FRAME for one in datas)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = FrameReader()
    frames = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        frames += reader.feed(stream[start:end])
    assert [frame.data for frame in frames if not frame.is_ack] == datas
    assert sum(frame.is_ack for frame in frames) == len(datas)


@given(payloads, st.data())
def test_a_changed_byte_of_data_is_never_taken(payload, data):
    frame = bytearray(encode_frame(payload))
    start = len(frame) - 2 - len(payload)
    at = data.draw(st.integers(start, len(frame) - 2))
    frame[at] ^= data.draw(st.integers(1, 255))
    assert Frame(payload) not in FrameReader().feed(bytes(frame))


@given(st.binary(max_size=200))
def test_a_reader_finds_its_feet_after_any_noise(noise):
    reader = FrameReader()
    reader.feed(noise)
    reader.feed(bytes(DATA_BYTES_MAX + 10))
    assert Frame(b"\xd4\x02") in reader.feed(bytes(10) + encode_frame(b"\xd4\x02"))


def test_a_known_frame_has_the_bytes_of_the_manual():
    # UM0701-02 section 7.2.2: GetFirmwareVersion.
    assert encode_frame(b"\xd4\x02") == bytes.fromhex("0000ff02fed4022a00")


def test_crc_a_gives_the_values_of_the_standard():
    # ISO/IEC 14443-3 annex B.
    assert crc_a(bytes.fromhex("0000")) == bytes.fromhex("a01e")
    assert crc_a(bytes.fromhex("1234")) == bytes.fromhex("26cf")


@given(st.binary(min_size=1, max_size=64))
def test_crc_a_agrees_with_nfcpy(data):
    assert Device.check_crc_a(bytearray(data + crc_a(data)))
