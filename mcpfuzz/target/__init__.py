"""The target as the user described it, and what is made of it for one run: workspace copied, placeholders
filled, environment cleaned. Nothing is started here. Modules, each knowing only those above it:

    described, examples what the user wrote
    filling             placeholders and variables in it
    credentials         what of it is secret
    listening, modes    where the server is told to listen, and to write nothing
    owned               its processes, for the run after one that was killed
    copying             the workspaces' copies
    places              where it listens, and the slots that follow
    prepared            made ready for one run
"""

from __future__ import annotations

from mcpfuzz.target.described import Target
from mcpfuzz.target.examples import read_examples
from mcpfuzz.target.filling import expand_variables
from mcpfuzz.target.prepared import Prepared

__all__ = ["Prepared", "Target", "expand_variables", "read_examples"]
