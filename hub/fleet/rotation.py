"""How a controller changes its signing key: the key before signs the new one.

It needs no code, since it is known. With the key it gets another broker password and
another certificate. Its offline codes stay good: it remembers what was typed.
"""

from __future__ import annotations

from sqlalchemy import update

from hub.config import HubConfig
from hub.errors import ConflictError, InputError, RefusedError
from hub.fleet import controllers
from hub.fleet.certificates import read_request
from hub.fleet.controllers import Controller, ControllerState
from hub.fleet.enrolment import Enrolled, admit
from hub.keystore import Keys
from hub.ledger.writer import Tx
from hub.store.tables import fleet
from wire.enrolment import RotationRequest, check_rotation
from wire.errors import Code, DecodeError, SignatureError
from wire.keys import Verifier


def rotate(tx: Tx, request: RotationRequest, keys: Keys, config: HubConfig) -> Enrolled:
    """Take a controller's new key for its old one. The same new key again: the same answer.

    Raises:
        InputError: The key, or the request for a certificate, is none.
        NotFoundError: No such controller.
        ConflictError: It isn't active: what it signs is worth nothing.
        RefusedError: Neither its key nor the new one signed this.
    """
    if request.certificate_request:
        read_request(request.certificate_request)
    found = controllers.get_controller(tx.connection, request.controller)
    if found.state is not ControllerState.ACTIVE:
        raise ConflictError(f"{found.id} is {found.state}: enrol it anew", Code.STATE_CONFLICT)
    _check(found, request)
    if found.public_key != request.public_key:
        tx.connection.execute(
            update(fleet.controllers)
            .where(fleet.controllers.c.id == found.id)
            .values(public_key=request.public_key)
        )
        tx.touch("controller", found.id)
    return admit(tx, found.id, f"rotation {request.public_key}", keys, config)


def _check(found: Controller, request: RotationRequest) -> None:
    try:
        new = Verifier(request.public_key, request.controller)
        # An answer that was lost is asked for again: then the new key is the key already.
        check_rotation(request, Verifier(found.public_key, found.id), new)
    except DecodeError as error:
        raise InputError(str(error)) from None
    except SignatureError:
        raise RefusedError(
            "the new key isn't signed by the one that this controller has here",
            Code.SIGNATURE_INVALID,
        ) from None
