"""Another key for this controller while it works: signed by the one before, safe to repeat.

The new key is stored before anything is sent, and takes its place when the hub has
answered. An agent that runs goes on with it when it is told to (SIGHUP).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from firmware_agent import tls
from firmware_agent.enrolment import ask
from firmware_agent.errors import EnrolmentError
from firmware_agent.identity import (
    KEY_NAME,
    NEXT_KEY_NAME,
    Identity,
    load_identity,
    load_key,
    save_key,
    save_reply,
    sync_folder,
)
from firmware_agent.ids import new_seed
from wire.enrolment import ROTATION_PATH, RotationRequest, sign_rotation
from wire.keys import Signer

if TYPE_CHECKING:
    import httpx


def rotate(
    folder: Path, hub_url: str, version: str, *, client: httpx.Client | None = None
) -> Identity:
    """Change this controller's signing key, broker password and certificate.

    Args:
        folder: The data folder.
        hub_url: Address of the hub, `https://…`.
        version: Version of the agent.
        client: Another HTTP client than a fresh one.

    Raises:
        EnrolmentError: It didn't work; says what to do. Repeating is safe.
        IdentityError: This controller isn't enrolled, or its files are damaged.
    """
    identity = load_identity(folder)
    name = identity.controller
    seed = load_key(folder, NEXT_KEY_NAME)
    try:
        tls_key = tls.prepare_key(folder, fresh=seed is None)
        if seed is None:
            seed = new_seed()
            save_key(folder, seed, NEXT_KEY_NAME)
    except OSError as error:
        raise EnrolmentError(f"the key can't be stored in {folder}: {error}") from None
    new = Signer(seed, name)
    request = RotationRequest(
        controller=name,
        public_key=new.public,
        version=version,
        certificate_request=tls.request_for(name, tls_key),
    )
    request = sign_rotation(request, identity.signer, new)
    reply = ask(hub_url, ROTATION_PATH, request, client)
    if reply.controller != name:
        raise EnrolmentError(f"the hub answered for {reply.controller!r} instead of {name!r}")
    if not reply.code_key:
        reply = msgspec.structs.replace(reply, code_key=identity.reply.code_key)
    if reply.broker.certificate_pem:
        tls.keep_certificate(folder, tls_key, reply.broker.certificate_pem)
    save_reply(folder, reply)
    (folder / NEXT_KEY_NAME).replace(folder / KEY_NAME)
    sync_folder(folder)
    return Identity(seed=seed, reply=reply)
