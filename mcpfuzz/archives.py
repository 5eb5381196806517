"""Archives whose entries would be written outside of the folder that they are unpacked into. Bytes in memory; what
is made, should somebody unpack them without looking, is one small file of a name that nobody else can know.

    climb      ../ up to the root, and down to the watched folder (CWE-22)
    absolute   the watched folder's own path
    link       a symbolic link to the watched folder, then a file in it (CWE-59)
    plain      the same file, and no harm in it: the control
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Literal

__all__ = ["FORMS", "TRICKS", "packed"]

FORMS = ("zip", "tar", "tgz")
TRICKS = ("climb", "absolute", "link", "plain")
UP = "../" * 12
"""More than any folder is deep; at the root it stays there."""
TEXT = b"This was unpacked.\n"
WHEN = (2024, 1, 1, 0, 0, 0)
_EPOCH = 1704067200

Entry = tuple[str, bytes, Literal["file", "link"]]


def packed(form: str, trick: str, watch: str, name: str) -> bytes:
    """One archive.

    Args:
        form: one of FORMS.
        trick: one of TRICKS.
        watch: absolute path of the folder that nothing should be written to.
        name: of the file that is written there.

    Raises:
        ValueError: there is no such form or trick.
    """
    if form not in FORMS or trick not in TRICKS:
        raise ValueError(f"there is no archive {trick}.{form}")
    entries = tuple(_entries(trick, watch, name))
    return _zip(entries) if form == "zip" else _tar(entries, "w:gz" if form == "tgz" else "w")


def _entries(trick: str, watch: str, name: str) -> Iterator[Entry]:
    yield "readme.txt", TEXT, "file"
    if trick == "climb":
        yield f"{UP}{watch.lstrip('/')}/{name}", TEXT, "file"
    elif trick == "absolute":
        yield f"{watch}/{name}", TEXT, "file"
    elif trick == "link":
        yield "aside", watch.encode(), "link"
        yield f"aside/{name}", TEXT, "file"
    else:
        yield name, TEXT, "file"


def _zip(entries: tuple[Entry, ...]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data, kind in entries:
            entry = zipfile.ZipInfo(path, WHEN)
            entry.create_system = 3  # Unix: modes mean something
            entry.external_attr = (stat.S_IFLNK | 0o777 if kind == "link" else stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return made.getvalue()


def _tar(entries: tuple[Entry, ...], mode: Literal["w", "w:gz"]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for path, data, kind in entries:
            entry = tarfile.TarInfo(path)
            entry.mtime = _EPOCH
            if kind == "link":
                entry.type, entry.linkname = tarfile.SYMTYPE, data.decode()
                archive.addfile(entry)
            else:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()
