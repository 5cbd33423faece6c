"""The upstream that every peer is put in front of."""
