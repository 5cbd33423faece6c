"""Bodies and parameters as documents: parse strictly, run a path program in one pass, serialise. Pure."""
