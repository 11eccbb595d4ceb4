"""`standpipe-hub rotate-key`: a new signing key for the hub."""

from __future__ import annotations

from hub.commands.access import Api, Place, direct, say
from hub.errors import HubError
from hub.fleet import hub_key


def rotate(place: Place) -> int:
    """Give the hub a new key, running or not; gives the exit code."""
    try:
        number = _by_api(place) if place.hub else _directly(place)
    except HubError as error:
        return say(error)
    print(f"The hub signs with its key number {number} from now on.")
    print("Controllers follow by the signature of the one before. Make a new backup.")
    return 0


def _directly(place: Place) -> int:
    with direct(place) as hub:
        return hub_key.rotate(hub.config.data, hub.writer, hub.keys, hub.entropy)


def _by_api(place: Place) -> int:
    with Api(place) as api:
        return int(api.post("/hub-key/rotate", {})["number"])
