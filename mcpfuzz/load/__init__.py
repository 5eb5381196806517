"""The load door: prepares the target, starts Locust in a process of its own, tells its record as a report. Nothing
here imports locust or gevent, and nothing that Locust imports comes here."""

from __future__ import annotations

from mcpfuzz.load.run import EXIT_CODES, run_load

__all__ = ["EXIT_CODES", "run_load"]
