"""The run over its time: requests as a line, findings as dots on it, restarts as ticks below. Hand-made SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcpfuzz.reports.document import Document
from mcpfuzz.reports.html_tags import Markup, tag
from mcpfuzz.reports.texts import counted

__all__ = ["timeline"]

_WIDTH, _HEIGHT, _FOOT = 960, 120, 14
_FEW = 3


def timeline(document: Document) -> Markup | None:
    """The picture; None where too little is known to draw one."""
    points: Sequence[Mapping[str, Any]] = document.get("timeline") or ()
    whole, most = document["run"]["duration_s"], max((one["requests"] for one in points), default=0)
    if len(points) < _FEW or not whole or not most:
        return None
    places = [
        (round(_WIDTH * min(one["elapsed_s"] / whole, 1), 1), round(_HEIGHT * (1 - one["requests"] / most), 1))
        for one in points
    ]
    pairs = list(zip(points, points[1:], places[1:], strict=False))
    restarts = [x for before, after, (x, _) in pairs if after["restarts"] > before["restarts"]]
    findings = [place for before, after, place in pairs if after["findings"] > before["findings"]]
    words = f"{counted(most, 'request')} in {whole:.0f} s"
    return tag(
        "section",
        tag("h2", "Over time"),
        tag(
            "svg",
            tag("polyline", points=" ".join(f"{x},{y}" for x, y in places), class_="said"),
            *(tag("line", x1=x, x2=x, y1=_HEIGHT + 4, y2=_HEIGHT + _FOOT, class_="start") for x in restarts),
            # lines of no length with round ends: dots that stay round however the picture is stretched
            *(tag("line", x1=x, x2=x, y1=y, y2=y, class_="found") for x, y in findings),
            **{
                "class": "time",
                "viewBox": f"-6 -6 {_WIDTH + 12} {_HEIGHT + _FOOT + 6}",
                "preserveAspectRatio": "none",
                "role": "img",
            },
            aria_label=words,
        ),
        tag("p", f"Line: {words}. Dots: findings. Ticks: the server was started again.", class_="muted"),
    )
