"""`standpipe-agent doctor`."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from firmware_agent.clock import SystemClock
from firmware_agent.commands import FAILED, OK, complain
from firmware_agent.config import load_config
from firmware_agent.doctor import examine
from firmware_agent.errors import ConfigError
from firmware_agent.parts import RealParts


def doctor(path: Path, *, as_json: bool) -> int:
    """Print every finding; not OK when one of them isn't."""
    try:
        config = load_config(path)
    except ConfigError as error:
        return complain(f"{path}:\n" + "\n".join(f"  {line}" for line in error.problems))
    # What drivers log is in the findings, said once.
    logging.disable(logging.CRITICAL)
    clock = SystemClock()
    findings = list(examine(config, clock, RealParts(clock)))
    if as_json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.words}")
    return OK if all(finding.ok for finding in findings) else FAILED
