"""How the machines of a trial are wired: the file of a controller."""

from __future__ import annotations


def controller_toml(folder: str, machines: list[str], metered: list[str], cycles: list[str]) -> str:
    """A controller's file, with these machines wired one after the other.

    Args:
        folder: For its journal.
        machines: All ids.
        metered: Those with a meter.
        cycles: Those with a feedback.
    """
    lines = [f'data_dir = "{folder}"']
    for machine in machines:
        lines += ["[[readers]]", f'id = "{reader_of(machine)}"', f'port = "/dev/{machine}"']
    for number, machine in enumerate(machines):
        first = 1 + 3 * number
        lines += ["[[machines]]", f'id = "{machine}"', f'reader = "{reader_of(machine)}"']
        lines += [f"output = {{ pin = {first} }}", f"button = {{ pin = {first + 1} }}"]
        if machine in metered:
            lines.append(f'meter = {{ unit = "Wh", pin = {first + 2}, units_per_hour_max = 3600 }}')
        if machine in cycles:
            lines.append(f"feedback = {{ pin = {first + 2} }}")
    return "\n".join(lines) + "\n"


def reader_of(machine: str) -> str:
    """Id of a machine's reader."""
    return f"r-{machine}"


def machine_of(reader: str) -> str:
    """Id of a reader's machine."""
    return reader.removeprefix("r-")
