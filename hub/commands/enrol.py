"""`standpipe-hub enrol`: a one-time code that takes a controller in."""

from __future__ import annotations

from hub.bootstrap import Hub
from hub.commands.access import Api, Place, say, write_directly
from hub.errors import ConflictError, HubError
from hub.fleet import controllers, enrolment
from hub.ledger.writer import Tx

MS_PER_HOUR = 3_600_000


def enrol(place: Place, name: str, site: str, *, acceptor: bool) -> int:
    """Print a code for a controller, which is added when it's new; gives the exit code."""
    try:
        if place.hub:
            code = _by_api(place, name, site, acceptor=acceptor)
        else:
            code = write_directly(
                place, lambda hub, tx: _new_code(hub, tx, name, site, acceptor=acceptor)
            )
    except HubError as error:
        return say(error)
    hours = enrolment.CODE_LIFE_MS // MS_PER_HOUR
    print(code)
    print(f"Good once, for {hours} hours. On the controller:")
    print(f"  standpipe-agent enrol --hub https://… --name {name} --code {code}")
    return 0


def _new_code(hub: Hub, tx: Tx, name: str, site: str, *, acceptor: bool) -> str:
    controllers.add_controller(tx, name, site, has_acceptor=acceptor)
    return enrolment.new_code(tx, name, hub.entropy)


def _by_api(place: Place, name: str, site: str, *, acceptor: bool) -> str:
    with Api(place) as api:
        try:
            api.post("/controllers", {"id": name, "site": site, "has_acceptor": acceptor})
        except ConflictError:
            # It exists; whether at this site is for the code to say.
            api.get(f"/controllers/{name}")
        return str(api.post(f"/controllers/{name}/enrolment-codes", {})["code"])
