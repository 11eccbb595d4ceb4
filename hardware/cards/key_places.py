"""The keys that a card keeps, and bringing them from one version of a site's key to another.

NTAG 424 DNA and an application of DESFire EV2 and EV3 keep keys alike: numbered places,
each with a key and one byte of version; key 0 changes all of them (NT4H2421Gx data sheet
rev. 3.0, section 10.6; MF3D(H)x3 data sheet, section 11.4).

A key's version on the card is the version of the site's key that it was made from, 0
for the factory's. So a card that was torn away says how far it came, and doing it again
finishes it. Key 0 goes last: until then the card can be opened as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardware.cards.cmac import KEY_BYTES, diversified_key
from hardware.cards.errors import CardDataError, ProofError
from hardware.cards.key_change import other_key_data, own_key_data
from hardware.cards.keyring import CardKey
from hardware.cards.port import ApduPort, Authenticated, plain_command

Entropy = Callable[[int], bytes]
"""Gives as many random bytes as asked for."""
Prepare = Callable[[Authenticated], None]
"""What is set up on a card while it is open with key 0."""
MASTER = 0
FACTORY = CardKey(0, bytes(KEY_BYTES))
"""What a blank card holds in all places."""
_GET_KEY_VERSION = 0x64
_CHANGE_KEY = 0xC4


@dataclass(frozen=True, slots=True)
class Done:
    """What a flow found and did.

    Attributes:
        version: Version of the site's key that the card holds now; 0: the factory's.
        changed: How many keys were changed; 0: the card was as it should be.
    """

    version: int
    changed: int


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """The places of one family of cards.

    Attributes:
        label: Goes into the keys, so that each place of each family has its own.
        count: How many there are.
    """

    label: bytes
    count: int

    def key_at(self, key: CardKey, number: int) -> bytes:
        """The key of one place (AN10922, with label and number as input).

        Args:
            key: The card's key; version 0 is the factory's, which is the same in all places.
            number: 0 to `count` - 1.
        """
        if key.version == FACTORY.version:
            return key.key
        return diversified_key(key.key, self.label + bytes((number,)))

    def opened(self, port: ApduPort, number: int, key: CardKey, entropy: Entropy) -> Authenticated:
        """Authenticate with the key of one place.

        Raises:
            CardError: As `Authenticated`.
        """
        return Authenticated(port, number, self.key_at(key, number), entropy(KEY_BYTES))

    def held(self, port: ApduPort, number: int, may_be: Sequence[CardKey]) -> CardKey:
        """Which key a place says it holds.

        Raises:
            ProofError: One that isn't known here.
            CardError: It doesn't say.
        """
        answer = plain_command(port, "version of a key", _GET_KEY_VERSION, bytes((number,)))
        if len(answer) != 1:
            raise CardDataError(f"a key's version has 1 byte, not {len(answer)}")
        for key in may_be:
            if key.version == answer[0]:
                return key
        raise ProofError(f"the card's key {number} has version {answer[0]}, which isn't kept here")

    def bring_to(
        self,
        port: ApduPort,
        wanted: CardKey,
        known: Sequence[CardKey],
        prepare: Prepare,
        entropy: Entropy,
    ) -> Done:
        """Change each key that isn't made from the wanted one yet, and show that it took.

        Args:
            port: The card, with its application selected.
            wanted: Its key from now on.
            known: Keys that it may hold now, besides the factory's.
            prepare: Is called before the keys are changed.
            entropy: Random bytes.

        Raises:
            ProofError: It holds keys that aren't known here.
            CardLostError: It went away: lay it down again and repeat.
            CardError: It doesn't do what such a card does.
        """
        may_be = (wanted, *known, FACTORY)
        held = [self.held(port, number, may_be) for number in range(self.count)]
        master = self.opened(port, MASTER, held[MASTER], entropy)
        prepare(master)
        changed = 0
        for number in range(MASTER + 1, self.count):
            if held[number] != wanted:
                self._change_other(master, number, held[number], wanted)
                changed += 1
        if held[MASTER] != wanted:
            secret = own_key_data(self.key_at(wanted, MASTER), wanted.version)
            master.last_command("change of key 0", _CHANGE_KEY, bytes((MASTER,)), secret)
            changed += 1
            self.opened(port, MASTER, wanted, entropy)
        return Done(wanted.version, changed)

    def _change_other(
        self, master: Authenticated, number: int, held: CardKey, wanted: CardKey
    ) -> None:
        old, new = self.key_at(held, number), self.key_at(wanted, number)
        secret = other_key_data(new, old, wanted.version)
        master.command(f"change of key {number}", _CHANGE_KEY, bytes((number,)), secret)
