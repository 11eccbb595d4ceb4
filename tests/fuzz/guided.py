"""The process that fuzzes one target: `python -m tests.fuzz.guided NAME LIBFUZZER-OPTIONS`.

Started by `tests.fuzz.run`. What is imported while atheris instruments counts branches
from then on, so nothing of ours is imported before.
"""

from __future__ import annotations

import logging
import random
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # as pytest does
INSTRUMENTED = ["wire", "hardware", "firmware_agent", "hub", "simulator.parts"]
NEARLY_GOOD_SHARE = 0.6
"""So many inputs are bent ones of the corpus; the rest is the fuzzer's own way."""


def main() -> None:
    """Fuzz until told to end; never returns."""
    name, options = sys.argv[1], sys.argv[2:]
    # Complaints are thousands a second here; errors are heard by `Ears`.
    logging.getLogger().addHandler(logging.NullHandler())
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.bend import bend
        from tests.fuzz.target import INPUT_BYTES_MAX
        from tests.fuzz.targets import find

        target = find(name)

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        drawn = random.Random(seed)
        if drawn.random() < NEARLY_GOOD_SHARE:
            return bend(data, drawn)[:size_max]
        return bytes(atheris.Mutate(data, size_max))

    with tempfile.TemporaryDirectory() as folder, target.open(Path(folder)) as check:
        arguments = [sys.argv[0], f"-max_len={INPUT_BYTES_MAX}", *options]
        atheris.Setup(arguments, check, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
