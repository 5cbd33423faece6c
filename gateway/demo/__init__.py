"""The tour: real SDKs against sandbox providers, with and without the gateway. Needs the `demo` extra."""
