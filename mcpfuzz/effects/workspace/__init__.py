"""A workspace's scratch copy with no way back, in the scratch tree of one run that holds it.

Knows folders, links and git's own files; knows nothing of servers, slots or sandboxes.

Theory of operation. A server under attack writes, deletes and runs git where it was told to, so whatever
it is given must not lead to the user's own files. Every link in the copy is written anew: it names the
resolved place, relative to the link, so by induction no chain of them climbs out. Git has six ways of its
own out of a folder, each cut (`gitfiles`); and git looks for a repository upwards, so the scratch tree stands
in its way (`scratch`). Modules, each knowing only those above it:

    texts, notes        small files of strangers; what is told of a copy
    places              source and copy: what lies inside, and where it comes to lie
    rewriting           the copy's path in place of the original's
    gitconfig, gitfiles git's configuration language; git's ways out
    state               the folder that outlasts runs
    copying             the copy
    removal, scratch    removing a tree; the tree of one run
    renewal             the copies of a run, put back as they were
"""

from __future__ import annotations

from mcpfuzz.effects.workspace.copying import MAX_BYTES, MAX_FILES, CopyReport, copy_workspace
from mcpfuzz.effects.workspace.renewal import Copies
from mcpfuzz.effects.workspace.rewriting import rewrite, rewrite_json
from mcpfuzz.effects.workspace.scratch import ScratchTree

__all__ = ["MAX_BYTES", "MAX_FILES", "Copies", "CopyReport", "ScratchTree", "copy_workspace", "rewrite", "rewrite_json"]
