"""Plots of a load run as inline SVG, drawn by hand: lines over time, the scenarios as bands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpfuzz.reports.html_tags import Child, Markup, tag

__all__ = ["load_plots"]

WIDTH, HEIGHT = 960, 170
LEFT, BOTTOM, TOP = 64, 20, 16
MAX_POINTS = 900
"""Beyond, neighbours are thinned out: a screen has no more columns."""


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    points: Sequence[tuple[float, float]]


def load_plots(load: Mapping[str, Any]) -> list[Markup]:
    """Throughput, latency, errors by kind, the server's memory and CPU; whatever there is."""
    timeline = load.get("timeline") or {}
    points, samples, laps = timeline.get("points") or [], timeline.get("samples") or [], timeline.get("laps") or []
    if not points:
        return []
    end = max([*(point["s"] for point in points), *(lap["to"] for lap in laps)]) or 1.0
    kinds = sorted({kind for point in points for kind in point["errors"]})[:6]
    plots = [
        _plot("Requests a second", "", laps, end, [_line(points, "rps", "all")]),
        _plot(
            "Latency",
            "ms",
            laps,
            end,
            [_line(points, f"p{n}_ms", f"p{n}") for n in (50, 95, 99)]
            + [_line(points, "watch_p95_ms", "bystander p95")],
        ),
        _plot("Errors and refusals", "a tick of 0.5 s", laps, end, [_errors(points, kind) for kind in kinds]),
        _plot("The server's memory", "MiB", laps, end, [_line(samples, "rss", "resident", 1 / (1 << 20))]),
        _plot("The server's CPU", "cores", laps, end, [_line(samples, "cpu", "busy")]),
    ]
    return [plot for plot in plots if plot is not None]


def _line(rows: Sequence[Mapping[str, Any]], member: str, name: str, scale: float = 1.0) -> _Line:
    found = [(row["s"], row[member] * scale) for row in rows if isinstance(row.get(member), int | float)]
    return _Line(name, found[:: max(1, len(found) // MAX_POINTS)])


def _errors(points: Sequence[Mapping[str, Any]], kind: str) -> _Line:
    return _Line(kind, [(point["s"], float(point["errors"].get(kind, 0))) for point in points])


def _plot(
    title: str, unit: str, laps: Sequence[Mapping[str, Any]], end: float, lines: Sequence[_Line]
) -> Markup | None:
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    most = max(value for line in lines for _, value in line.points) or 1.0
    drawn: list[Child] = [*_bands(laps, end), *_ticks(most)]
    for number, line in enumerate(lines):
        path = " ".join(f"{_x(at, end):.1f},{_y(value, most):.1f}" for at, value in line.points)
        drawn.append(tag("polyline", points=path, class_=f"line c{number}"))
    legend = [tag("span", line.name, class_=f"key-{number}") for number, line in enumerate(lines)]
    svg = tag(
        "svg",
        *drawn,
        **{"class": "plot", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img"},
        aria_label=f"{title}, at most {most:,.4g} {unit}".strip(),
    )
    head = tag("figcaption", tag("b", f"{title} {unit and f'({unit})'}".strip()), *legend)
    return tag("figure", head, svg, class_="plotted")


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT) * min(max(at / end, 0.0), 1.0)


def _y(value: float, most: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)


def _ticks(most: float) -> list[Markup]:
    made = []
    for share in (0.0, 0.5, 1.0):
        y = _y(most * share, most)
        made.append(tag("line", x1=LEFT, x2=WIDTH, y1=round(y, 1), y2=round(y, 1), class_="grid"))
        made.append(tag("text", f"{most * share:,.4g}", x=LEFT - 6, y=round(y + 4, 1), class_="axis end"))
    return made


def _bands(laps: Sequence[Mapping[str, Any]], end: float) -> list[Markup]:
    """A band for each scenario, every other one shaded; its name where there is room."""
    spans: dict[str, list[float]] = {}
    for lap in laps:
        span = spans.setdefault(lap["scenario"], [lap["from"], lap["to"]])
        span[1] = max(span[1], lap["to"])
    made = []
    for number, (name, (since, until)) in enumerate(spans.items()):
        left, right = _x(since, end), _x(until, end)
        style = f"band b{number % 2}"
        made.append(
            tag(
                "rect",
                x=round(left, 1),
                y=TOP,
                width=round(right - left, 1),
                height=HEIGHT - TOP - BOTTOM,
                class_=style,
            )
        )
        room = int((right - left) / 5.6)
        label = name if len(name) <= room else f"{name[: max(room - 1, 0)]}…" if room > 4 else ""
        if label:
            made.append(tag("text", label, x=round(left + 2, 1), y=HEIGHT - 6, class_="axis"))
    return made
