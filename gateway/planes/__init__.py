"""Data planes: they move bytes and carry out what the core says. Each is thin; the driver is shared."""
