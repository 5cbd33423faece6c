"""Hushgate: a transparent privacy-enforcing gateway for CRM and telephony APIs."""

__version__ = "0.1.0"
