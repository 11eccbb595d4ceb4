"""What hubs say to each other fits, whatever it is."""

from __future__ import annotations

import msgspec
from hypothesis import given, strategies as st

from hub.gossip import PAYLOAD_BYTES_MAX, _encode, _portions, _short, _Word

SERVER_BYTES_MAX = 8_000
INSTANCE = "hub_01hf7yat00xeykgnd2pv14y9q2"
touches = st.sets(
    st.tuples(st.sampled_from(("rights", "controller", "card_list")), st.text(max_size=80))
)


@given(touches, st.integers(0, 400))
def test_every_change_is_told_in_messages_that_the_server_takes(touched, more):
    touched |= {("controller", f"controller-{number:04d}") for number in range(more)}

    words = [_encode(_Word(INSTANCE, some)) for some in _portions(sorted(touched))]

    assert all(len(word.encode()) < SERVER_BYTES_MAX for word in words)
    told = [one for word in words for one in msgspec.json.decode(word, type=_Word).touched or ()]
    assert sorted(told) == sorted(touched)
    assert len(words) <= 1 + sum(len(w.encode()) for w in words) * 2 // PAYLOAD_BYTES_MAX


def test_of_what_nobody_looks_up_only_the_kind_is_told():
    assert _short("session", "ses_1") == ("session", "")
    assert _short("account", "ann") == ("account", "")
    assert _short("rights", "pi-1/ann") == ("rights", "pi-1")
    assert _short("command", "cmd_1") == ("command", "cmd_1")
