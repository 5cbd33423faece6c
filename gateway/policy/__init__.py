"""Rules: read strictly, matched, compiled into plans. Pure but for the loaders that read files."""
