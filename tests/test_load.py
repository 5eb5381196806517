"""`mcpfuzz load` as a user runs it: a server that it starts, Locust in its own process, the report."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
import trustme

from mcpfuzz.reports import REPORT_SCHEMA

SERVER = str(Path(__file__).parent / "load_server.py")
IDENTITIES = (
    *("--identity", "alice=header:Authorization: Bearer alice-secret"),
    *("--identity", "bob=header:Authorization: Bearer bob-secret"),
)
SIGNED_IN = (
    *("--identity", 'alice=login:{"url": "/login", "json": {"user": "alice"}, "token": "/token"}'),
    *IDENTITIES[2:],
)
FIRST = 'first-message:{"login": "%s-secret"}'
LIMITED = {"policy": {"scope": "identity", "rate": 40, "burst": 30}}
Run = Callable[..., "Ran"]

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("load")]


class Ran:
    def __init__(self, done: subprocess.CompletedProcess[str], report: Path) -> None:
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        self.report: dict[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}

    @property
    def rules(self) -> set[str]:
        return {finding["rule"] for finding in self.report["findings"]}

    def scenario(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.report["load"]["scenarios"] if one["id"] == name)
        return found


def words(tmp_path: Path, config: dict[str, Any], *options: str, url: str = "http://127.0.0.1:{port}/mcp") -> list[str]:
    server = [sys.executable, SERVER, "--port", "{port}", "--config", json.dumps(config)]
    server += ["--ws"] if url.startswith("ws") else []
    server += ["--tls", config["tls"]] if "tls" in config else []
    base = [sys.executable, "-m", "mcpfuzz", "load", "--url", url, "--state", str(tmp_path / "state"), "--no-color"]
    return [*base, "--report", f"json={tmp_path / 'r.json'}", *options, "--", *server]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def go(config: dict[str, Any], *options: str, **more: str) -> Ran:
        command = words(tmp_path, config, *options, **more)
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=110)
        return Ran(done, tmp_path / "r.json")

    return go


POLICIES = [
    {"scope": "identity", "rate": 20, "burst": 15},
    {"scope": "identity", "rate": 60, "burst": 20, "answer": "rpc"},
    {"scope": "address", "rate": 10, "burst": 20},
    {"scope": "session", "rate": 15, "burst": 10},
    {"scope": "tool", "rate": 25, "burst": 25},
    {"scope": "global", "rate": 30, "burst": 30, "answer": "tool"},
    {"scope": "global", "kind": "window", "burst": 12, "window": 1.0},
    {"scope": "identity", "kind": "window", "burst": 20, "window": 2.0},
    {"scope": "address", "rate": 20, "burst": 10, "trust_forwarded": True},
    {"scope": "identity", "rate": 20, "burst": 15, "raw_key": True},
    {"scope": "none"},
]


@pytest.mark.load(share=11)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: "-".join(str(value) for value in p.values()))
def test_a_configured_policy_is_estimated(run: Run, policy: dict[str, Any]) -> None:
    config = {"policy": policy, "raw_key": policy.get("raw_key", False)}
    ran = run(config, *IDENTITIES, "--scenario", "rate-limit", "--max-time", "15", "--users", "2")
    (found,) = ran.report["load"]["policies"]
    assert found["scope"] == policy["scope"], found
    if policy["scope"] == "none":
        assert (found["per_s"], found["burst"], ran.rules, ran.code) == (None, None, {"rate-limit-missing"}, 1)
        return
    rate = policy.get("rate") or policy["burst"] / policy["window"]
    assert found["per_s"] == pytest.approx(rate, rel=0.2)
    assert found["burst"] == pytest.approx(policy["burst"], rel=0.25)
    assert found["form"] == policy.get("answer", "429")
    assert found["starves"] == (policy["scope"] in ("address", "tool", "global")), "bob, while alice asks too much"
    around = {"new-session"} if policy["scope"] == "session" else set()
    around |= {"forwarded"} if policy.get("trust_forwarded") else set()
    around |= {"case"} if policy.get("raw_key") else set()
    assert set(found["bypasses"]) == around


@pytest.mark.load
def test_all_scenarios_pass_on_a_sound_server_and_the_report_holds_what_it_must(run: Run, tmp_path: Path) -> None:
    html, table = tmp_path / "r.html", tmp_path / "r.csv"
    reports = ("--report", f"html={html}", "--report", f"csv={table}")
    ran = run(LIMITED, *SIGNED_IN, *reports, "--max-time", "50", "--users", "8", "--seed", "7")
    assert ran.code == 0, ran.output
    jsonschema.validate(ran.report, REPORT_SCHEMA)
    load = ran.report["load"]
    assert {one["verdict"] for one in load["scenarios"]} == {"pass"}
    assert len(load["scenarios"]) == 13
    assert load["requests"] > 500 and load["failures"] == 0
    assert all(load[f"p{number}_ms"] > 0 for number in (50, 95, 99))
    assert ran.report["run"]["duration_s"] < 52
    assert ran.report["run"]["seed"] == 7 and ran.report["run"]["complete"]
    assert ran.scenario("spike")["recovery_s"] is not None
    page = html.read_text(encoding="utf-8")
    assert page.count('class="plot"') >= 4 and "<script" not in page
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert {row["what"] for row in rows} == {"scenario", "row", "run"}
    told = [*(path.read_text(encoding="utf-8") for path in tmp_path.glob("r.*")), ran.output]
    assert not any("alice-secret" in text for text in told)


WEAK = [
    ("expensive-tool", {"blocking_tool": True, "expensive_ms": 120}, "p95<300ms", "load-starvation"),
    ("slow-clients", {"slots": 60, "head_timeout": None}, "p95<500ms,errors<5%", "load-starvation"),
    ("session-flood", {"leak_sessions": 200_000}, "errors<50%", "session-leak"),
    ("notification-storm", {"no_recovery": 600}, "p95<5s,recovery<2s", "no-recovery"),
]


@pytest.mark.load(share=6)  # more of them: test_matrix_load
@pytest.mark.parametrize(("scenario", "config", "slo", "rule"), WEAK, ids=[row[0] for row in WEAK])
def test_a_scenario_finds_its_weakness_and_is_silent_without_it(
    run: Run, scenario: str, config: dict[str, Any], slo: str, rule: str
) -> None:
    options = ("--scenario", scenario, "--slo", slo, "--max-time", "12", "--users", "12")
    weak = run(config, *options)
    assert weak.rules == {rule}, weak.output
    assert weak.code == 1
    sound = run({}, *options)
    assert (sound.rules, sound.code) == (set(), 0), sound.output


@pytest.mark.load
def test_load_speaks_as_an_identity_over_tls_and_keeps_its_secret(run: Run, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    served = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(served))
    callers = [word for name in ("alice", "bob") for word in ("--identity", f"{name}={FIRST % name}")]
    options = ("--cacert", str(tmp_path / "ca.pem"), "--scenario", "rate-limit", "--max-time", "12", "--users", "2")
    ran = run({**LIMITED, "tls": str(served)}, *callers, *options, url="wss://127.0.0.1:{port}/")
    (found,) = ran.report["load"]["policies"]
    assert (found["scope"], found["form"]) == ("identity", "rpc"), ran.output
    assert found["per_s"] == pytest.approx(40, rel=0.2)
    assert "bob-secret" not in ran.output + json.dumps(ran.report)


@pytest.mark.load(share=4)
@pytest.mark.parametrize("transport", ["sse", "ws", "stdio"])
def test_other_transports_carry_load_too(run: Run, tmp_path: Path, transport: str) -> None:
    options = ("--scenario", "baseline", "--scenario", "spike", "--max-time", "9", "--users", "4", "--rate", "40")
    if transport == "stdio":
        base = [sys.executable, "-m", "mcpfuzz", "load", "--state", str(tmp_path / "state"), "--no-color"]
        command = [*base, "--report", f"json={tmp_path / 'r.json'}", *options, "--", sys.executable, SERVER, "--stdio"]
        ran = Ran(subprocess.run(command, capture_output=True, text=True, timeout=60), tmp_path / "r.json")
    else:
        ran = run({}, *options, url={"sse": "http://127.0.0.1:{port}/sse", "ws": "ws://127.0.0.1:{port}"}[transport])
    assert ran.code == 0, ran.output
    assert ran.scenario("spike")["requests"] > 20
    assert ran.report["load"]["failures"] == 0


@pytest.mark.load
def test_two_processes_share_the_users_and_keep_the_rate_together(run: Run) -> None:
    options = ("--scenario", "spike", "--processes", "2", "--users", "20", "--rate", "40", "--max-time", "13")
    ran = run({}, *options)
    assert ran.report["load"]["workers"] == 2, ran.output
    assert ran.scenario("spike")["rps"] == pytest.approx(40, rel=0.2)
    assert ran.scenario("baseline")["rps"] == pytest.approx(4, rel=0.4)


@pytest.mark.load
def test_ctrl_c_stops_everything_within_seconds_and_still_reports(tmp_path: Path) -> None:
    command = words(tmp_path, {}, "--max-time", "60", "--scenario", "soak", "--scenario", "baseline")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
    family: list[psutil.Process] = []
    until = time.monotonic() + 30
    while time.monotonic() < until and not any("locust" in " ".join(_words(one)) for one in family):
        family = psutil.Process(process.pid).children(recursive=True)
    deadline = time.monotonic() + 20  # into the first phase
    while time.monotonic() < deadline and not list(Path("/tmp").glob("mcpfuzz-load-*/record.json")):
        assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130, output
    assert time.monotonic() - began < 8
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["run"]["outcome"] == "interrupted"


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--url", "http://192.0.2.1/mcp"], "--allow-remote"),
        (["--url", "http://127.0.0.1:9/mcp", "--slo", "p95<fast"], "--slo p95<fast"),
        (["--url", "http://127.0.0.1:9/mcp", "--users", "0"], "--users 0"),
        (["--url", "http://127.0.0.1:9/mcp", "--scenario", "spoke"], "--scenario spoke"),
        (["--url", "http://127.0.0.1:9/mcp", "--max-time", "1"], "--max-time 1"),
        ([], "--url URL"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_2(options: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcpfuzz", "load", *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert says in line


def test_a_server_out_of_reach_could_not_be_tested() -> None:
    command = [sys.executable, "-m", "mcpfuzz", "load", "--url", "http://127.0.0.1:9/mcp"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "no connection to 127.0.0.1:9" in done.stdout


@pytest.mark.load
def test_the_fixture_measures_and_fails_on_what_counts(pytester: pytest.Pytester) -> None:
    command = f"{sys.executable} {SERVER} --port {{port}} --config {{config}}"
    pytester.makeconftest(
        f"""
        from mcpfuzz import Target
        def pytest_mcpfuzz_targets(config):
            return Target(command={tuple(command.replace("{config}", "{}").split())!r})
        """
    )
    pytester.makepyfile(
        """
        URL = "http://127.0.0.1:{port}/mcp"
        def test_fast_enough(mcp_load):
            load = mcp_load("baseline", url=URL, users=4, max_time=8, slo="errors<1%")
            assert load["requests"] > 10
        def test_limited(mcp_load):
            mcp_load("rate-limit", url=URL, users=1, max_time=9)
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:asyncio", timeout=100)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*low rate-limit-missing*none was refused*"])


@pytest.mark.load
def test_an_item_of_load_fails_as_a_test_does(pytester: pytest.Pytester) -> None:
    server = f"{sys.executable} {SERVER} --port {{port}}"
    words = ["--mcp-load", "--mcp-server", server, "--mcp-url", "http://127.0.0.1:{port}/mcp"]
    done = pytester.runpytest_subprocess(*words, "-p", "no:asyncio", "-k", "rate-limit", timeout=100)
    done.assert_outcomes(passed=0, failed=1, deselected=12)
    done.stdout.fnmatch_lines(["*low rate-limit-missing*"])


def test_nothing_of_the_door_imports_gevent_or_locust() -> None:
    code = "import sys, mcpfuzz.load, mcpfuzz.blocking; print(*({'gevent', 'locust'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "", done.stdout


def test_the_users_import_no_trio() -> None:
    code = (
        "import sys, locust, mcpfuzz.locustfiles.mcp_http, mcpfuzz.locustfiles.mcp_scenarios;"
        "print(*({'trio', 'mcpfuzz.client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", done.stdout
