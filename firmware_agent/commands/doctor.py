"""`standpipe-agent doctor`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import msgspec

from firmware_agent.checkup.person import Nobody
from firmware_agent.clock import SystemClock
from firmware_agent.commands import FAILED, OK, complain
from firmware_agent.config import load_config
from firmware_agent.doctor import examine
from firmware_agent.errors import ConfigError
from firmware_agent.parts import RealParts


def doctor(path: Path, *, as_json: bool, yes: bool) -> int:
    """Print every finding; not OK when one of them isn't.

    Args:
        path: The controller's file.
        as_json: Print JSON, and ask nothing.
        yes: Ask nothing.
    """
    try:
        config = load_config(path)
    except ConfigError as error:
        return complain(f"{path}:\n" + "\n".join(f"  {line}" for line in error.problems))
    # What drivers log is in the findings, said once.
    logging.disable(logging.CRITICAL)
    clock = SystemClock()
    asked = not (as_json or yes) and sys.stdin.isatty()
    person = _AtTheTerminal() if asked else Nobody()
    findings = []
    for finding in examine(config, clock, RealParts(clock), person=person):
        findings.append(finding)
        if not as_json:
            print(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.words}", flush=True)
    if as_json:
        print(msgspec.json.encode(findings).decode())
    return OK if all(finding.ok for finding in findings) else FAILED


class _AtTheTerminal:
    """The person at standard input."""

    is_there = True

    def tell(self, words: str) -> None:
        print(f">>>  {words}", file=sys.stderr, flush=True)

    def agrees(self, question: str) -> bool:
        print(f">>>  {question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes", "j", "ja"}
