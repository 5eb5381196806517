"""Says one conversation to a live server, step by step, and writes down all that comes back: the trace.

Each step whose answer is owed is waited for; any other is followed by a barrier at once, so that
"silence" has an end and what arrives is attributed to its step. It judges nothing and restarts nothing.
Modules, each knowing only those above it:

    talk, steps         a conversation under way; what one step puts on the wire
    frames              WebSocket frames on a connection beside the main one
    endings             how the server is afterwards, and what happened around it
    conversing          the whole conversation
"""

from __future__ import annotations

from mcpfuzz.runner.conversing import converse
from mcpfuzz.runner.steps import call_message, on_this_origin, outgoing, owes_answer
from mcpfuzz.runner.talk import Opener, Talk

__all__ = ["Opener", "Talk", "call_message", "converse", "on_this_origin", "outgoing", "owes_answer"]
