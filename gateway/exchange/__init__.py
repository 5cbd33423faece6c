"""One request and its answer as a sans-I/O conversation: events in, commands out. Pure."""
