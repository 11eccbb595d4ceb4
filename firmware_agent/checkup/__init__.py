"""What `standpipe-agent doctor` looks at, a subject a file."""

from __future__ import annotations
