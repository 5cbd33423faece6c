"""Load: closed-loop by wrk, open-loop at a fixed rate by openloop.py."""
