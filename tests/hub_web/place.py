"""A small laundry and workshop, as a hub knows it after a morning."""

from __future__ import annotations

from sqlalchemy import insert, update

from hub.bootstrap import Hub
from hub.charging import tariffs
from hub.fleet import controllers, machines, sites
from hub.fleet.alarms import Matter, raise_alarm
from hub.fleet.sites import Site
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Spill
from hub.ledger.writer import Tx
from hub.payments.topups import TopUp, top_up
from hub.people.accounts import Terms, open_account
from hub.people.cards import link_card, ref_of_uid
from hub.store.tables import charging, fleet
from wire.errors import Code
from wire.events import ClockState
from wire.machines import Machine, Mode
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier
from wire.uplink import MachineView, Presence, StateView, Status

HOUR_MS = 3_600_000
TARIFF = Tariff(
    id="power",
    version=1,
    name="Power",
    unit=EUR,
    quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(price_micros=350_000),)),
    tax_rate_ppm=190_000,
)
CYCLE = Tariff(id="cotton", version=1, name="Cotton 60", unit=EUR, start_fee_micros=3_500_000)


def set_up(hub: Hub) -> None:
    """A site, two controllers, four machines, two people with money and a card."""
    hub.writer.run(lambda tx: _set_up(hub, tx))


def _set_up(hub: Hub, tx: Tx) -> None:
    sites.add_site(tx, Site(id="riverside", name="Riverside Laundry", timezone="Europe/Berlin"))
    tariffs.add_version(tx, TARIFF)
    tariffs.add_version(tx, CYCLE)
    for name, own in (
        ("wash-1", [("washer-1", "Washer 1", "cotton"), ("washer-2", "Washer 2", "cotton")]),
        ("dry-2", [("dryer-1", "Dryer 1", "power"), ("laser", "Laser cutter", "power")]),
    ):
        controllers.add_controller(tx, name, "riverside")
        tx.connection.execute(
            update(fleet.controllers)
            .where(fleet.controllers.c.id == name)
            .values(state="active", epoch=f"ep_{name}", heard_ms=tx.now_ms - 4_000)
        )
        for id_, label, tariff in own:
            mode = Mode.CYCLE if tariff == "cotton" else Mode.METERED
            machines.put_machine(
                tx, name, Machine(id=id_, name=label, kind="washer", mode=mode, tariff=tariff)
            )
    for index, (account, label) in enumerate((("acc_ana", "Ana P."), ("acc_sam", "Sam O."))):
        open_account(tx, account, "EUR", Terms(name=label, tariffs={}, permissions={}))
        uid = f"04A1B2C3D4E5{index:02X}"
        link_card(tx, f"crd_{account}", account, ref_of_uid(hub.keys.card_salt, uid), label="fob")
        top_up(
            tx,
            TopUp(
                id=f"seed_{account}", account=account, amount_minor=2_340, till="counter", by="cli"
            ),
        )


def book_session(
    tx: Tx,
    session: str,
    *,
    account: str = "acc_ana",
    machine: str = "dryer-1",
    charge_minor: int = 119,
    tax_minor: int = 19,
    started_ms: int | None = None,
    state: str = "ended",
    reason: str = "tap",
) -> None:
    """A session and its charge, as ingest books them: wallet first, then overrun."""
    payers = (chart.wallet(account, "EUR"), chart.overrun(account, "EUR"))
    parts = (
        (chart.revenue(machine, "EUR"), charge_minor - tax_minor),
        (chart.tax(TARIFF.tax_rate_ppm, "EUR"), tax_minor),
    )
    if charge_minor:
        legs = (Spill(payers, tuple((code, minor) for code, minor in parts if minor)),)
        item = Item(id=f"charge:{session}", unit="EUR", kind="session", legs=legs, ref=session)
        tx.book.must_post(item)
    began = tx.now_ms - HOUR_MS if started_ms is None else started_ms
    tx.connection.execute(
        insert(charging.sessions).values(
            id=session,
            controller="dry-2",
            machine=machine,
            account=account,
            card_ref="0" * 32,
            tariff="power",
            tariff_version=1,
            unit="EUR",
            state=state,
            reason=reason,
            started_ms=began,
            ended_ms=None if state == "running" else began + 31 * 60_000,
            time_ms=31 * 60_000,
            quantity=840,
            charge_minor=charge_minor,
            tax_minor=tax_minor,
            booked_ms=tx.now_ms,
        )
    )


def busy(hub: Hub) -> None:
    """What controllers say, sessions of the morning, and something that needs a person."""
    now_ms = hub.clock.now().wall_ms
    hub.live.hear_status(
        "wash-1", Status(state=Presence.ONLINE, boot_id="b", version="0.1"), now_ms
    )
    hub.live.hear_state(
        "wash-1",
        StateView(
            at_ms=now_ms,
            outbox_events=2,
            clock=ClockState.SYNCED,
            machines=(
                MachineView(
                    machine="washer-1",
                    state="running",
                    session="ses_a",
                    account="acc_ana",
                    charge_minor=350,
                    currency="EUR",
                    left_ms=24 * 60_000,
                    time_ms=31 * 60_000,
                ),
                MachineView(machine="washer-2", state="fault", detail="door open"),
            ),
        ),
        now_ms - 1_000,
    )
    hub.live.hear_status("dry-2", Status(state=Presence.ONLINE, boot_id="b"), now_ms - 9 * HOUR_MS)
    hub.live.hear_state(
        "dry-2",
        StateView(
            at_ms=now_ms,
            machines=(
                MachineView(
                    machine="dryer-1",
                    state="running",
                    session="ses_b",
                    charge_minor=92,
                    quantity=840,
                    unit="Wh",
                    time_ms=31 * 60_000,
                ),
                MachineView(machine="laser", state="free"),
            ),
        ),
        now_ms - 2 * HOUR_MS,
    )
    hub.writer.run(_morning)


def _morning(tx: Tx) -> None:
    book_session(tx, "ses_1", started_ms=tx.now_ms - 2 * HOUR_MS)
    book_session(tx, "ses_2", account="acc_sam", started_ms=tx.now_ms - HOUR_MS, charge_minor=350)
    book_session(
        tx,
        "ses_3",
        machine="washer-2",
        charge_minor=0,
        tax_minor=0,
        reason="feedback_missing",
        started_ms=tx.now_ms - 40 * 60_000,
    )
    book_session(tx, "ses_4", state="running", charge_minor=0, tax_minor=0)
    raise_alarm(
        tx,
        Matter(
            code=Code.PRICE_DIFFERS,
            controller="dry-2",
            subject="ses_1",
            detail="ses_1 was charged 1.19, the hub's own price is 1.20.",
        ),
    )
