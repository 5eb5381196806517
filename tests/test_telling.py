"""What a title says of the input that is left after shrinking."""

from __future__ import annotations

import pytest

from mcpfuzz.campaign.telling import said
from mcpfuzz.model import Action, Call, Conversation, Raw

CALL = '{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"add","arguments":{"t":"\\ud800"},"_meta":{}}}\n'


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Call("tools/call", {"name": "add", "arguments": {"t": ""}}), 'add with {"t": ""}'),
        (Raw(CALL), 'the frame that calls add with {"t": "\\ud800"}'),
        (Raw(b"\xff\n"), "the frame '\\xff\\n'"),
        (Raw("{repeat:1000:[}\n"), "the frame '{repeat:1000:[}\\n'"),
    ],
)
def test_a_title_names_what_matters_of_what_was_sent(action: Action, words: str) -> None:
    assert said(Conversation.of(action)) == words
