"""What becomes of a batch, against a simple model of a journal."""

from __future__ import annotations

from hypothesis import given, strategies as st

from hub.charging.stream import Booked, Decision, Verdict, chained, decide, nothing_booked
from wire import chain
from wire.uplink import JournalHeader

NAME, EPOCH = "pi-1", "epo_1"
rows = st.lists(st.binary(min_size=1, max_size=4), max_size=12)


def hashes_of(events):
    hashes = [chain.origin(NAME, EPOCH)]
    for data in events:
        hashes.append(chain.link(hashes[-1], data))
    return [hash_.hex() for hash_ in hashes]


def batch(events, first_seq, count):
    hashes = hashes_of(events)
    part = tuple(events[first_seq - 1 : first_seq - 1 + count])
    header = JournalHeader(
        sender=NAME,
        receiver="hub",
        epoch=EPOCH,
        first_seq=first_seq,
        count=len(part),
        prev_hash=hashes[first_seq - 1],
        head_hash=hashes[first_seq - 1 + len(part)],
    )
    return header, chained(header, part)


@st.composite
def part_of_a_journal(draw):
    events = draw(rows)
    first_seq = draw(st.integers(1, len(events) + 1))
    return events, first_seq, draw(st.integers(0, len(events) - first_seq + 1))


@given(part_of_a_journal(), st.data())
def test_a_true_journal_is_booked_exactly_as_far_as_it_continues(part, data):
    events, first_seq, count = part
    through = data.draw(st.integers(0, len(events)))
    hashes = hashes_of(events)
    booked = Booked(through, hashes[through]) if through else None

    header, of_batch = batch(events, first_seq, count)
    decision = decide(booked, header, of_batch, dict(enumerate(hashes[: through + 1])).get)

    last_seq = first_seq + count - 1
    if first_seq > through + 1:
        assert decision.verdict is (Verdict.GAP if count else Verdict.AHEAD)
    elif booked is None and first_seq == 1:
        assert decision == Decision(Verdict.OPEN)
    elif last_seq <= through:
        assert decision.verdict is Verdict.PAST
    else:
        assert decision.verdict in (Verdict.BOOK, Verdict.TRIM)
        assert first_seq + decision.skip == through + 1


@given(rows.filter(bool), rows.filter(bool), st.data())
def test_another_journal_under_the_same_name_is_a_fork(true, other, data):
    through = data.draw(st.integers(1, len(true)))
    hashes = hashes_of(true)
    differs = next((i for i, (a, b) in enumerate(zip(true, other, strict=False)) if a != b), None)
    first_seq = data.draw(st.integers(1, len(other) + 1))
    header, of_batch = batch(other, first_seq, len(other))

    verdict = decide(
        Booked(through, hashes[through]),
        header,
        of_batch,
        dict(enumerate(hashes[: through + 1])).get,
    ).verdict

    last_seq = first_seq + len(of_batch) - 1
    seen = min(last_seq, through)
    if first_seq > through + 1:
        assert verdict in (Verdict.GAP, Verdict.AHEAD)
    elif differs is not None and differs < seen:
        assert verdict is Verdict.FORK
    elif differs is None and seen <= min(len(true), len(other)):
        assert verdict is not Verdict.FORK


def test_a_new_journal_that_does_not_begin_at_its_origin_is_a_fork():
    header, hashes = batch([b"a"], 1, 1)
    other = JournalHeader(
        sender="pi-2",
        receiver="hub",
        epoch=EPOCH,
        first_seq=1,
        count=1,
        prev_hash=header.prev_hash,
        head_hash=header.head_hash,
    )

    assert decide(None, other, hashes, lambda _: None).verdict is Verdict.FORK


def test_nothing_booked_is_the_origin():
    assert nothing_booked(NAME, EPOCH).head_hash == hashes_of([])[0]
