"""The route that gives a running hub a new signing key."""

from __future__ import annotations

import msgspec
from litestar.params import JSONBody

from hub.errors import ConflictError
from hub.fleet import hub_key
from hub.people.keys import Scope
from hub.web.ports import Hub
from hub.web.routing import write


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing has to be said; an object without fields, so that no stray request does it."""


class HubKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """The key that signs from now on.

    Attributes:
        number: Counts the hub's keys; its first is 1.
        public_key: Base64.
    """

    number: int
    public_key: str


@write("/hub-key/rotate", Scope.KEYS_WRITE, tag="Controllers", status=200)
def rotate(hub: Hub, data: JSONBody[Rotation]) -> HubKeyView:
    """Sign with a new key; controllers follow by the signature of the one before."""
    del data
    if hub.config.is_shared:
        raise ConflictError(
            "several hubs may share this database: stop all but one, run standpipe-hub "
            "rotate-key there, and copy hub.signing to the others"
        )
    number = hub_key.rotate(hub.config.data, hub.writer, hub.keys, hub.entropy)
    return HubKeyView(number=number, public_key=hub.keys.signer.public)


ROUTES = (rotate,)
