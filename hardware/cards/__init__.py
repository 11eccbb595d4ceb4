"""What cards prove, and the keys that they prove it with."""
