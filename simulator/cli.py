"""`standpipe-sim`: demo, virtual agents, benchmarks and a broker, on this machine.

Commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

SECONDS_MIN = 10
"""A shorter demo has no time to lose its network and find it again."""
SECONDS_DEFAULT = 60

app = typer.Typer(
    name="standpipe-sim",
    help="Standpipe on a laptop: virtual hardware under the real programs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def demo(
    seconds: Annotated[
        int | None, typer.Option(min=SECONDS_MIN, help="How long people come; then it ends.")
    ] = None,
    headless: Annotated[bool, typer.Option(help="No bench page; end by itself.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, nothing else.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder; else nothing stays.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What people fancy.")] = 1,
) -> None:
    """A small laundry and workshop: people tap, run and pay, also while the network is down."""
    from simulator.demo.run import run_demo
    from simulator.demo.scene import DemoOptions

    if headless and seconds is None:
        seconds = SECONDS_DEFAULT
    with _words():
        options = DemoOptions(
            seconds=seconds, headless=headless, as_json=as_json, data=data, seed=seed
        )
        raise typer.Exit(run_demo(options))


@app.command()
def agent(
    config: Annotated[Path, typer.Option(help="The agent's own file.")],
    parts: Annotated[Path, typer.Option(help="Socket of the virtual pins.")],
    clock_off_ms: Annotated[int, typer.Option(help="By how much its wall clock is wrong.")] = 0,
) -> None:
    """Run the real agent on virtual pins; `demo` starts these by itself."""
    from simulator.agent_host import run_agent

    with _words():
        raise typer.Exit(run_agent(config, parts, clock_off_ms))


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Which; none: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Measure: tap, ledger, ledger-single, ingest, catch-up, fleet, agent-memory and more."""
    from simulator.benchmarks.report import run_and_print

    with _words():
        run_and_print(names or [], as_json=as_json)


@app.command("bench-hardware")
def bench_hardware(
    hub: Annotated[bool, typer.Option(help="Keep the hub; else the controller is alone.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Put parts under this controller's file, not the usual one.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder; else nothing stays.")
    ] = None,
    port: Annotated[int, typer.Option(help="Of the page on 127.0.0.1; 0: any free one.")] = 0,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="End by itself then; else at Ctrl-C.")
    ] = None,
) -> None:
    """A controller whose every part is virtual, with a page and a socket to act on it."""
    from simulator.bench.run import BenchOptions, run_bench

    with _words():
        raise typer.Exit(run_bench(BenchOptions(hub, config, data, port, seconds)))


@app.command()
def scenario(
    names: Annotated[list[str] | None, typer.Argument(help="Names, or paths of files.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that ship.")] = False,
    as_list: Annotated[bool, typer.Option("--list", help="Say which there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of outcomes.")] = False,
    lanes: Annotated[int, typer.Option(min=1, max=16, help="Controllers side by side.")] = 4,
) -> None:
    """Play what can happen at a machine, and check what must follow."""
    from simulator.errors import SetupError
    from simulator.scenarios.run import list_scenarios, run_scenarios

    with _words():
        if as_list:
            print(list_scenarios())
            return
        if bool(names) == every:
            raise SetupError("name scenarios, or write --all; --list says which there are")
        raise typer.Exit(run_scenarios(tuple(names or ()), lanes=lanes, as_json=as_json))


@app.command()
def fleet(
    controllers: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 100,
    rate: Annotated[int, typer.Option(min=1, max=2_000, help="Taps a second, over all.")] = 20,
    seconds: Annotated[int, typer.Option(min=1, help="For how long people tap.")] = 30,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, nothing else.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this empty folder; else nothing stays.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Who taps where and when.")] = 1,
) -> None:
    """Many light controllers, each with a connection of its own, on a real broker and hub."""
    from simulator.fleet.options import FleetOptions
    from simulator.fleet.run import run_fleet

    with _words():
        options = FleetOptions(
            controllers=controllers,
            rate_per_s=rate,
            seconds=seconds,
            seed=seed,
            data=data,
            as_json=as_json,
        )
        raise typer.Exit(run_fleet(options))


@app.command()
def check(
    *,
    seed: Annotated[int, typer.Option(help="Of the first trial.")] = 1,
    ticks: Annotated[int, typer.Option(min=1, help="Minutes of virtual time with faults.")] = 240,
    runs: Annotated[int, typer.Option(min=1, help="Trials of consecutive seeds.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Of faults, or of actors, only those named.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a fault or actor out; `faults`: all of them.")
    ] = None,
    controllers: Annotated[int, typer.Option(min=1)] = 4,
    machines: Annotated[int, typer.Option(min=1, help="At each controller.")] = 2,
    accounts: Annotated[int, typer.Option(min=1)] = 12,
    sessions_per_hour: Annotated[int, typer.Option(min=0, help="At each controller.")] = 2,
    replay: Annotated[bool, typer.Option(help="Run it twice, and compare.")] = False,
    explain: Annotated[bool, typer.Option(help="Tell the story of the trial.")] = False,
    shrink: Annotated[bool, typer.Option(help="Look for a smaller trial that fails.")] = True,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one per processor.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try to break the real agent and hub in virtual time, and audit every state of them."""
    from simulator.trials.check import Check, check as run_check
    from simulator.trials.options import Options
    from simulator.trials.words import choose

    with _words():
        options = Options(
            seed=seed,
            ticks=ticks,
            controllers=controllers,
            machines=machines,
            accounts=accounts,
            sessions_per_hour=sessions_per_hour,
            **choose(only or (), without or ()),
        )
        asked = Check(
            options=options,
            runs=runs,
            workers=workers,
            replay=replay,
            explain=explain,
            shrinks=shrink,
            as_json=as_json,
        )
        raise typer.Exit(run_check(asked))


@app.command()
def broker(
    port: Annotated[int, typer.Option(help="Where on 127.0.0.1; 0 finds a free port.")] = 1883,
    data: Annotated[Path | None, typer.Option(help="Folder of its log.")] = None,
) -> None:
    """Run the embedded broker on loopback until Ctrl-C: no access control, nothing survives."""
    from simulator.broker import serve_embedded

    with _words():
        serve_embedded(port, data)


@contextmanager
def _words() -> Iterator[None]:
    """Say what went wrong in words; a traceback is for our own mistakes."""
    from simulator.errors import SimulatorError

    try:
        yield
    except SimulatorError as error:
        print(f"standpipe-sim: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
