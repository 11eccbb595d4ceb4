"""Benches as files: a controller's own file, and beside it what its machines mean and do."""
