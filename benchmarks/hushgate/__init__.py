"""Hushgate as it is measured: one deployment file, one rule file."""
