"""What the hub does by itself, at its time: expiry, renewals, nightly checks."""
