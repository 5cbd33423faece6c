"""Starts mitmdump from the environment's own package, so that no script path is needed."""

# mitmproxy lives in .venv-bench, which the type checker does not see.
# mypy: disable-error-code="import-not-found"

import sys

from mitmproxy.tools.main import mitmdump

if __name__ == "__main__":
    sys.exit(mitmdump())
