"""The proxies Hushgate is measured against."""
