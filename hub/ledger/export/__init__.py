"""The whole book, written for other programs: plain-text accounting, or a table."""
