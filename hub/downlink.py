"""What goes to controllers, all of it signed: acks, rights, card list, configuration, commands.

One thread works off what has piled up. Nothing here is durable: a controller says in
each header what it holds, and is sent what it lacks, so a message that gets lost, or is
dropped because too much waits, only comes later.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from sqlalchemy import Connection, select

from hub.charging import rights
from hub.charging.refresh import refresh_accounts, stale_accounts
from hub.errors import HubError
from hub.fleet import commands, configuration
from hub.fleet.controllers import Controller, ControllerState, find_controller
from hub.fleet.live import Live
from hub.key_notices import KeyNotices
from hub.ledger.writer import Touched, Tx, Writer
from hub.lookout import Lookout
from hub.mqtt_link import Link, NoLink, Outgoing
from hub.partitions import Partitions
from hub.pending import Answered, Pending
from hub.people import card_list
from hub.sent import NEVER_MS, Sent
from hub.store.engine import Store
from hub.store.tables import fleet, people
from hub.store.tables.charging import allowances
from wire import topics
from wire.clock import Clock
from wire.downlink import LIST_ENTRIES_PER_PAGE_MAX, Accounts, Ack, ListPage, WantAnswer
from wire.envelope import seal
from wire.keys import Signer
from wire.machines import Config

WAIT_S = 0.2
"""How often what waits for a time to pass is looked at."""
CONTROLLERS_PER_STEP_MAX = 100
"""Controllers told of news in one go; between, acks and answers get their turn."""
CONFIGS_PER_STEP_MAX = 20
LIST_EVERY_MS = 500
"""A burst of changed cards goes out as one page."""
REFRESH_EVERY_MS = 250
"""Rights follow wallets this often: an account that pays in every second is looked at once."""

log = logging.getLogger("hub.downlink")


class Downlink:
    """Sends to controllers what they lack.

    Args:
        store: To read what is committed.
        writer: To number new rights and configurations.
        clock: For the hub's time in messages, and for sending again.
        live: Says who is reachable.
        signer: The hub's key.
    """

    def __init__(
        self, store: Store, writer: Writer, clock: Clock, live: Live, signer: Signer
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._live = live
        self._signer = signer
        self._link: Link = NoLink()
        self._pending = Pending()
        self._keys = KeyNotices(store, signer)
        self._sent: dict[str, Sent] = {}
        self._again: dict[str, int] = {}
        self._returned: set[str] = set()
        self._list_ms = NEVER_MS
        self._refresh_ms = NEVER_MS
        self._refreshing: Future[None] | None = None
        self._lookout = Lookout(store, clock, live, self._pending)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, link: Link) -> None:
        """Send by this link from now on."""
        self._link = link

    def share(self, partitions: Partitions) -> None:
        """Send only to controllers of these partitions from now on."""
        self._lookout.share(partitions)

    def start(self) -> None:
        """Look after all that may have fallen behind while the hub was down; start the thread."""
        self.catch_up()
        self._thread = threading.Thread(target=self._run, name="downlink", daemon=True)
        self._thread.start()

    def catch_up(self) -> None:
        """Look at every account's rights and every controller's configuration again."""
        with self._store.read() as connection:
            self._pending.add_accounts(_accounts_told_of(connection))
            self._pending.add_configs(self._lookout.served(_active(connection)))

    def close(self) -> None:
        """Stop; what waits is dropped, and asked for later. May be called again."""
        self._closing.set()
        self._pending.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def ack(self, ack: Ack) -> None:
        """Send an ack; of several of one journal the furthest."""
        self._pending.add_ack(ack)

    def answer(self, controller: str, account: str, answer: WantAnswer) -> None:
        """Send the answer to a want, with the right that it made."""
        self._pending.add_answer(controller, Answered(account, answer))

    def check(self, controller: str) -> None:
        """Compare what a controller holds with what it should, and send what it lacks."""
        self._pending.add_controllers((controller,))

    def tell_key(self, controller: str, mark: str) -> None:
        """A controller said which key of the hub it believes: lead it to the newest."""
        if self._keys.heard(controller, mark):
            self._pending.wake()

    def returned(self, controller: str) -> None:
        """A controller is there again: send at once what it lacks."""
        self._returned.add(controller)
        self.check(controller)

    def gained(self) -> None:
        """More controllers are this hub's to serve: whoever served them may have died."""
        self.catch_up()
        self._pending.add_everyone()

    def connected(self) -> None:
        """The broker is there (again): look after everyone. Called by the link."""
        self._pending.add_everyone()

    def touched(self, touched: Touched) -> None:
        """Note what a commit changed. A listener of the writer."""
        for kind, id_ in touched:
            if kind == "account" and id_:
                self._pending.add_accounts((id_,))
            elif kind == "hub_key":
                self._tell_key_to_all()
            elif kind == "config":
                self._pending.add_configs((id_,))
            elif kind == "command":
                self._pending.add_commands((id_,))
            elif kind in ("rights", "controller"):
                self._pending.add_controllers((id_.partition("/")[0],))
            elif kind == "card_list":
                self._pending.add_list_change()

    def step(self) -> None:
        """Work off what waits now; what people and journals wait for goes before the rest."""
        # First: what follows is signed by the newest key.
        self._keys.send(self._send_key)
        self._send_urgent()
        self._refresh_accounts()
        if not self._link.connected:
            return
        self._lookout.step()
        if self._lookout.is_time_for_all():
            self.catch_up()
        self._send_commands()
        self._send_configs()
        self._look_around()
        for controller in self._pending.take_controllers(CONTROLLERS_PER_STEP_MAX):
            self._send_urgent()
            self._send_accounts(controller, ())

    def due_ms(self) -> int | None:
        """Monotonic time when `step` has something to do; None: not before something happens.

        Of a hub that serves all controllers: one of several also looks what others did.
        """
        connected = self._link.connected
        if self._pending.has_news(connected=connected):
            return self._clock.now().mono_ms
        times = list(self._again.values()) if connected else []
        if self._pending.has_accounts:
            times.append(self._refresh_ms + REFRESH_EVERY_MS)
        if connected and self._pending.has_list_change:
            times.append(self._list_ms + LIST_EVERY_MS)
        return min(times, default=None)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._pending.wait(WAIT_S)
            try:
                self.step()
            except HubError as error:
                log.warning("sending is put off: %s", error)
            except Exception:
                log.exception("sending")

    def _send_urgent(self) -> None:
        for ack in self._pending.take_acks():
            self._send(ack.receiver, topics.DOWN_ACK, seal(ack, self._signer), qos=0)
        for controller, answers in self._pending.take_answers().items():
            self._send_accounts(controller, answers)

    def _look_around(self) -> None:
        """Find controllers that must be looked after for another reason than their own."""
        now_ms = self._clock.now().mono_ms
        while self._returned:
            self._sent.pop(self._returned.pop(), None)
        if self._pending.take_everyone():
            self._sent.clear()
            with self._store.read() as connection:
                self._pending.add_controllers(self._lookout.served(_active(connection)))
        if now_ms - self._list_ms >= LIST_EVERY_MS and self._pending.take_list_change():
            self._list_ms = now_ms
            self._pending.add_controllers(one.controller for one in self._live.reachable())
        due = [name for name, at_ms in self._again.items() if at_ms <= now_ms]
        for name in due:
            del self._again[name]
        if due:
            self._pending.add_controllers(due)

    def _send_accounts(self, controller: str, answers: tuple[Answered, ...]) -> None:
        """Send rights after those it said it holds, a page of the list, and answers."""
        reachable = self._link.connected and self._live.of(controller).reachable
        if not (reachable and self._lookout.serves(controller)):
            return
        with self._store.read() as connection:
            found = find_controller(connection, controller)
            if found is None or found.state is not ControllerState.ACTIVE or not found.epoch:
                return
            sent = self._sent_to(found)
            also = answers[0].account if answers else ""
            chunk = rights.rights_after(
                connection, controller, found.epoch, found.reported_revision, also
            )
            page = self._page(connection, found, sent)
        self._check_config(found, sent)
        if chunk.rights and self._is_recent(sent, sent.revision_ms) and not answers:
            # A moment ago the same went out: its next header will say whether it came.
            self._again.setdefault(controller, sent.revision_ms + sent.wait_ms)
            if chunk.revision <= sent.revision:
                chunk = rights.Chunk(chunk.revision, (), chunk.more)
        if not (chunk.rights or page or answers):
            return
        body = Accounts(
            receiver=controller,
            epoch=found.epoch,
            revision=chunk.revision,
            rights=chunk.rights,
            page=page,
            answers=tuple(one.answer for one in answers),
            hub_time_ms=self._clock.now().wall_ms,
        )
        if self._send(controller, topics.DOWN_ACCOUNTS, seal(body, self._signer)):
            self._note_accounts(controller, chunk, page)

    def _page(self, connection: Connection, found: Controller, sent: Sent) -> ListPage | None:
        """The next page of the card list, unless it is on its way."""
        held = found.reported_list_revision
        if card_list.last_revision(connection) <= held:
            return None
        if sent.list_from == held and self._is_recent(sent, sent.list_ms):
            self._again.setdefault(found.id, sent.list_ms + sent.wait_ms)
            return None
        return card_list.entries_after(connection, found.site, held, LIST_ENTRIES_PER_PAGE_MAX)

    def _check_config(self, found: Controller, sent: Sent) -> None:
        is_recent = self._is_recent(sent, sent.config_ms)
        on_its_way = is_recent and sent.config == found.config_version
        if found.reported_config < found.config_version and not on_its_way:
            self._pending.add_configs((found.id,))

    def _sent_to(self, found: Controller) -> Sent:
        held = (found.reported_revision, found.reported_list_revision, found.reported_config)
        sent = self._sent[found.id] = self._sent.get(found.id, Sent()).hearing(held)
        return sent

    def _is_recent(self, sent: Sent, mono_ms: int) -> bool:
        return sent.is_recent(mono_ms, self._clock.now().mono_ms)

    def _note_accounts(self, controller: str, chunk: rights.Chunk, page: ListPage | None) -> None:
        sent, now_ms = self._sent.get(controller, Sent()), self._clock.now().mono_ms
        if chunk.rights:
            sent = sent.with_rights(chunk.revision, now_ms)
        if page is not None:
            sent = sent.with_page(page.from_revision, now_ms)
        self._sent[controller] = sent
        self._again.setdefault(controller, now_ms + sent.wait_ms)

    def _refresh_accounts(self) -> None:
        now_ms = self._clock.now().mono_ms
        busy = self._refreshing is not None and not self._refreshing.done()
        if busy or now_ms - self._refresh_ms < REFRESH_EVERY_MS:
            return
        if self._pending.take_accounts_lost():
            with self._store.read() as connection:
                self._pending.add_accounts(_accounts_told_of(connection))
        accounts = self._pending.take_accounts(rights.ACCOUNTS_PER_REFRESH_MAX)
        if not accounts:
            return
        self._refresh_ms = now_ms
        with self._store.read() as connection:
            stale = stale_accounts(connection, accounts)
        if not stale:
            return

        def job(tx: Tx) -> None:
            refresh_accounts(tx, stale)

        # Not waited for: acks must not stand behind it.
        self._refreshing = self._writer.submit(job)
        self._refreshing.add_done_callback(lambda future: self._refreshed(future, accounts))

    def _refreshed(self, future: Future[None], accounts: list[str]) -> None:
        error = future.exception()
        if error is not None:
            log.warning("rights are not up to date: %s", error)
            self._pending.add_accounts(accounts)

    def _send_commands(self) -> None:
        for command_id in self._pending.take_commands():
            with self._store.read() as connection:
                sent = commands.find_command(connection, command_id)
            if sent is None or self._clock.now().wall_ms >= sent.expires_ms:
                continue
            if not self._lookout.serves(sent.order.controller):
                continue
            self._lookout.note_command(command_id)
            payload = seal(commands.body_of(sent), self._signer)
            self._send(
                sent.order.controller,
                topics.DOWN_COMMAND,
                payload,
                expiry_s=topics.COMMAND_EXPIRY_S,
            )

    def _tell_key_to_all(self) -> None:
        """What the broker keeps for controllers must be by the newest key, too."""
        with self._store.read() as connection:
            names = self._lookout.served(_active(connection))
        self._keys.add(names)
        self._pending.add_configs(names)

    def _send_key(self, controller: str, payload: bytes) -> None:
        if self._lookout.serves(controller):
            self._send(controller, topics.DOWN_KEY, payload, retain=True)

    def _send_configs(self) -> None:
        for controller in self._pending.take_configs(CONFIGS_PER_STEP_MAX):
            # Numbered by whoever hears of it first, sent by whoever serves the controller.
            config = self._config_of(controller)
            if config is None or not self._lookout.serves(controller):
                continue
            if self._send(controller, topics.DOWN_CONFIG, seal(config, self._signer), retain=True):
                sent, now_ms = self._sent.get(controller, Sent()), self._clock.now().mono_ms
                self._sent[controller] = sent.with_config(config.version, now_ms)

    def _config_of(self, controller: str) -> Config | None:
        with self._store.read() as connection:
            found = find_controller(connection, controller)
            if found is None or found.state is not ControllerState.ACTIVE:
                return None
            if configuration.is_current(connection, controller):
                return configuration.build_config(connection, controller)

        def job(tx: Tx) -> Config:
            return configuration.refresh_config(tx, controller)

        return self._writer.run(job)

    def _send(
        self,
        controller: str,
        leaf: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> bool:
        topic = topics.topic(topics.partition_of(controller), controller, leaf)
        return self._link.send(Outgoing(topic, payload, qos, retain, expiry_s))


def _accounts_told_of(connection: Connection) -> list[str]:
    """Accounts that are in the card list, or have rights somewhere."""
    held = connection.execute(select(allowances.c.account).distinct()).scalars()
    listed = connection.execute(select(people.cards.c.account).distinct()).scalars()
    return sorted({*held, *listed})


def _active(connection: Connection) -> list[str]:
    table = fleet.controllers
    query = select(table.c.id).where(table.c.state == "active").order_by(table.c.id)
    return list(connection.execute(query).scalars())
