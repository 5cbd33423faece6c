"""Webhooks of providers: their signatures, links of one click, and what was seen before. Pure."""
