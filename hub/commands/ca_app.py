"""The command line of `standpipe-hub ca`; what it does is in `hub.commands.ca`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATA_PATH = Path("/var/lib/standpipe")

ca_app = typer.Typer(
    help="Certificates for TLS: for the broker, this hub and every controller.",
    no_args_is_help=True,
)

DataOption = Annotated[
    Path, typer.Option("--data", envvar="STANDPIPE_DATA", help="The hub's directory.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to; made if missing.")]


@ca_app.command("init")
def init(
    name: Annotated[str, typer.Option(help="What people see in it.")] = "Standpipe",
    data: DataOption = DATA_PATH,
) -> None:
    """Make the authority, once."""
    from hub.commands import ca as command

    raise typer.Exit(command.init(data, name))


@ca_app.command("broker")
def broker(
    hosts: Annotated[list[str], typer.Argument(help="Names and addresses clients call it by.")],
    out: OutOption,
    data: DataOption = DATA_PATH,
) -> None:
    """Make the broker's key and certificate, and put what it needs beside them."""
    from hub.commands import ca as command

    raise typer.Exit(command.broker(data, hosts, out))


@ca_app.command("hub")
def hub(data: DataOption = DATA_PATH) -> None:
    """Make this hub's own key and certificate in its directory."""
    from hub.commands import ca as command

    raise typer.Exit(command.hub(data))


@ca_app.command("controller")
def controller(
    name: Annotated[str, typer.Argument(help="The controller's name.")],
    out: OutOption,
    request: Annotated[
        Path | None, typer.Option(help="Its signing request; otherwise a key is made here.")
    ] = None,
    data: DataOption = DATA_PATH,
) -> None:
    """Make a controller's certificate by hand; enrolment does it by itself."""
    from hub.commands import ca as command

    raise typer.Exit(command.controller(data, name, request, out))


@ca_app.command("list")
def list_issued(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    data: DataOption = DATA_PATH,
) -> None:
    """List certificates: whose, until when, and whether they are revoked."""
    from hub.commands import ca as command

    raise typer.Exit(command.list_issued(data, as_json=as_json))


@ca_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Whose certificates are refused from now on.")],
    data: DataOption = DATA_PATH,
) -> None:
    """Have the broker refuse every certificate of a name."""
    from hub.commands import ca as command

    raise typer.Exit(command.revoke(data, name))


@ca_app.command("renew")
def renew(
    name: Annotated[str, typer.Argument(help="Whose certificate is made anew for the same key.")],
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    data: DataOption = DATA_PATH,
) -> None:
    """Make a certificate like the last one of a name, good from now on."""
    from hub.commands import ca as command

    raise typer.Exit(command.renew(data, name, out))
