"""JUnit XML, for test dashboards: one test case per scenario, and one per finding beside it.

Escaping: everything is made visible first, which leaves no character that XML 1.0 forbids, and
ElementTree quotes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from mcpfuzz.reports.document import Document
from mcpfuzz.reports.texts import RuleText, clip, visible
from mcpfuzz.reports.words import finding_text, standing, verdict

__all__ = ["render"]


def render(document: Document, rules: Mapping[str, RuleText]) -> str:
    """The document as JUnit XML text."""
    run = document["run"]
    suite = ET.Element(
        "testsuite", name="mcpfuzz", timestamp=run["started"].rstrip("Z"), time=f"{run['duration_s']:.3f}"
    )
    properties = ET.SubElement(suite, "properties")
    for name in ("seed", "profile", "outcome", "complete"):
        ET.SubElement(properties, "property", name=name, value=str(run[name]))
    seen: Counter[tuple[str, str]] = Counter()
    for finding in document["findings"]:
        _finding_case(suite, finding, rules, seen)
    for scenario in document["scenarios"]:
        _scenario_case(suite, scenario)
    if run["outcome"] not in ("clean", "findings"):
        case = ET.SubElement(suite, "testcase", classname="mcpfuzz", name="run")
        ET.SubElement(case, "error", type=run["outcome"], message=_attribute(run["reason"] or run["outcome"]))
    ET.SubElement(suite, "system-out").text = visible(verdict(document), lines=True)
    root = ET.Element("testsuites")
    root.append(suite)
    for element in (suite, root):
        _count(element, suite)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(element: ET.Element, suite: ET.Element) -> None:
    element.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _attribute(text: str) -> str:
    return visible(clip(text, 300))


def _finding_case(
    suite: ET.Element, finding: Mapping[str, Any], rules: Mapping[str, RuleText], seen: Counter[tuple[str, str]]
) -> None:
    operation = finding["operation"]
    classname = finding.get("scenario") or finding["rule"]
    name = f"{operation['kind']}[{_attribute(operation['name'])}]"
    seen[classname, name] += 1
    if seen[classname, name] > 1:
        name = f"{name} {seen[classname, name]}"
    case = ET.SubElement(suite, "testcase", classname=classname, name=name)
    if standing(finding) == "known":
        ET.SubElement(case, "skipped", message=_attribute(f"known: {finding['baseline']['reason']}"))
        ET.SubElement(case, "system-out").text = finding_text(finding, rules)
    elif finding["confidence"] == "proved":
        failure = ET.SubElement(case, "failure", type=finding["rule"], message=_attribute(finding["title"]))
        failure.text = finding_text(finding, rules)
    else:
        ET.SubElement(case, "skipped", message=_attribute(f"suspect, not proved: {finding['title']}"))
        ET.SubElement(case, "system-out").text = finding_text(finding, rules)


def _scenario_case(suite: ET.Element, scenario: Mapping[str, Any]) -> None:
    """A scenario that did not run, or not to its end, is skipped: never passed."""
    case = ET.SubElement(suite, "testcase", classname=scenario["id"], name=scenario["id"])
    if scenario["status"] in ("partial", "not-run"):
        reason = scenario["reason"] or "no reason given"
        ET.SubElement(case, "skipped", message=_attribute(f"{scenario['status']}: {reason}"))
