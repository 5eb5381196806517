"""Scenarios and strategies of the user's own: where they are found, and that what is wrong with them is told in one
line that names their file. The worked example is played by tests/test_docs_pages.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpfuzz import extensions
from mcpfuzz.campaign.ending import NEEDED
from mcpfuzz.cli import main
from mcpfuzz.errors import UsageError
from mcpfuzz.extensions import beside, load
from mcpfuzz.model import Operation, Surface
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import PROOFS
from mcpfuzz.oracles.rules import RULES
from mcpfuzz.scenarios.catalogue import bundled, catalogue
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.own_values import own_calls

GOOD = """\
from mcpfuzz.extend import Case, Claim, Conversation, Place, Proof, Scenario, bind

def draw(choices, surface, operation, index):
    call = bind(operation, {"text": choices.text(1, 3)})
    place = Place(kind=operation.kind, name=operation.name)
    return Case(scenario="mine", place=place, conversation=Conversation.of(call), label="x")

SCENARIO = Scenario(id="mine", title="Mine", about="It is mine.", draw=draw, rules=("crash",), kinds=("tool",))
"""
ECHO = Operation(kind="tool", name="echo", schema={"type": "object", "properties": {"text": {"type": "string"}}})
SURFACE = Surface(
    revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=(ECHO,), good={}
)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    load()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the working folder."""
    (tmp_path / "conftest.py").touch()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "strategies").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_a_scenario_beside_conftest_is_in_the_catalogue_until_the_next_load(folder: Path) -> None:
    write(folder, "scenarios/mine.py", GOOD)
    load(beside(folder))
    assert set(catalogue()) == {*bundled(), "mine"}
    load()
    assert set(catalogue()) == set(bundled())


def test_what_never_names_mcpfuzz_is_somebody_elses(folder: Path) -> None:
    write(folder, "scenarios/load.py", "raise SystemExit('never imported')")
    assert beside(folder) == ()


def test_a_folder_without_conftest_and_pyproject_is_not_looked_into(folder: Path) -> None:
    write(folder, "scenarios/mine.py", GOOD)
    (folder / "conftest.py").unlink()
    assert beside(folder) == ()
    load(named=[folder])
    assert "mine" in catalogue()


def test_a_mended_file_is_read_anew(folder: Path) -> None:
    write(folder, "scenarios/mine.py", GOOD)
    load(beside(folder))
    write(folder, "scenarios/mine.py", GOOD.replace("It is mine.", "It was mended at last."))
    load(beside(folder))
    assert catalogue()["mine"].about == "It was mended at last."


def test_the_folders_of_mcpfuzz_itself_are_not_loaded_twice() -> None:
    assert beside(Path(__file__).parent.parent) == ()


def test_values_of_the_users_own_become_calls(folder: Path) -> None:
    write(folder, "strategies/texts.py", "# mcpfuzz\nVALUES = {'te*': lambda choices: 'T' + choices.text(3, 3)}")
    load(beside(folder))
    made = list(own_calls(ECHO, {"text": "a"}, seed=1))
    assert all(call["text"].startswith("T") and len(call["text"]) == 4 for call in made)
    assert len(made) == 3


def test_rules_and_proofs_come_and_go_with_their_scenario(folder: Path) -> None:
    rule = "Rule(id='own', title='t', cwe=1, severity='low', about='a', proof='p', mend='m')"
    more = f"\nfrom mcpfuzz.extend import Rule\nRULES = ({rule},)\nPROOFS = {{'own-seen': lambda *given: 'seen'}}\n"
    write(folder, "scenarios/mine.py", GOOD + more)
    load(beside(folder))
    assert "own" in RULES
    assert PROOFS["own-seen"]({}, None, None) == "seen"  # type: ignore[arg-type]
    load()
    assert "own" not in RULES
    assert "own-seen" not in PROOFS


WRONG = {
    "a name that is not there": ("x = undefined_name\n", "scenarios/mine.py:1: NameError: name 'undefined_name'"),
    "no Python": ("def draw(:\n", "scenarios/mine.py:1: SyntaxError"),
    "nothing in it": ("# mcpfuzz\n", "scenarios/mine.py: holds none of SCENARIO"),
    "a bare import": (
        "from strategies.coupons import coupon\n",
        "scenarios/mine.py:1: ModuleNotFoundError: No module named 'strategies",
    ),
    "no scenario": ("SCENARIO = 'mine'\n", "scenarios/mine.py: SCENARIO must be Scenario(...), not str"),
    "a member that is not": (
        GOOD.replace("title=", "titel="),
        "scenarios/mine.py:8: TypeError: Scenario.__init__() got an unexpected keyword argument 'titel'",
    ),
    "a bundled id": (GOOD.replace('id="mine"', 'id="greeting"'), "there is a scenario 'greeting' already"),
    "an id in capitals": (GOOD.replace('id="mine"', 'id="Mine"'), "an id is words in lower case"),
    "an unknown rule": (GOOD.replace('("crash",)', '("crahs",)'), "scenario 'mine' names rule 'crahs', which is none"),
    "a draw of other arguments": (GOOD.replace("surface, ", ""), "draw must take (choices, surface, operation, index)"),
    "proofs that are none": (GOOD + "\nPROOFS = ['seen']\n", "PROOFS must be a mapping of names to functions"),
    "a proof that is there": (GOOD + "\nPROOFS = {'leak': print}\n", "there is a proof 'leak' already"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_broken_module_is_one_line_that_names_the_file(what: str, folder: Path) -> None:
    text, told = WRONG[what]
    write(folder, "scenarios/mine.py", text)
    with pytest.raises(UsageError) as raised:
        load(named=[folder])
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("scenarios/mine.py")


def test_a_broken_strategy_is_told_by_its_own_line(folder: Path) -> None:
    write(folder, "scenarios/mine.py", "from ..strategies.words import word\n" + GOOD)
    write(folder, "strategies/words.py", "\nword = 1 / 0\n")
    with pytest.raises(UsageError, match=r"^strategies/words\.py:2: ZeroDivisionError: division by zero$"):
        load(named=[folder])


def test_every_need_of_a_scenario_tells_what_to_give() -> None:
    assert {need for scenario in bundled().values() for need in scenario.needs} <= set(NEEDED)


def test_a_folder_that_holds_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds neither scenarios"):
        load(named=[tmp_path])


DRAWS = {
    "it raises": ("choices.text(1, 3)", "choices.word()", "scenarios/mine.py:4: AttributeError"),
    "it returns something else": (
        'Conversation.of(call), label="x")',
        'Conversation.of(call), label="x").label',
        "str",
    ),
    "its rule is none": (
        'label="x"',
        'label="x", claims=(Claim("nosuch", Proof(kind="leak", expected="")),)',
        "rule 'nosuch', which is none",
    ),
    "its proof is none": (
        'label="x"',
        'label="x", claims=(Claim("crash", Proof(kind="nosuch", expected="")),)',
        "proof 'nosuch', which is none",
    ),
}


@pytest.mark.parametrize("what", DRAWS)
def test_a_draw_that_fails_is_told_with_file_scenario_and_case(what: str, folder: Path) -> None:
    old, new, told = DRAWS[what]
    assert old in GOOD
    write(folder, "scenarios/mine.py", GOOD.replace(old, new))
    load(beside(folder))
    with pytest.raises(UsageError) as raised:
        catalogue()["mine"].draw(RandomChoices(1), SURFACE, ECHO, 7)
    assert told in str(raised.value)
    assert "scenario 'mine', case 7" in str(raised.value)


def test_a_proof_that_fails_is_told_with_its_line(folder: Path) -> None:
    write(folder, "scenarios/mine.py", GOOD + "\nPROOFS = {'own': lambda params, trace, bench: params['such']}\n")
    load(beside(folder))
    with pytest.raises(UsageError, match=r"^scenarios/mine\.py:10: KeyError: 'such'$"):
        PROOFS["own"]({}, None, Bench(revision="2025-11-25", transport="stdio"))  # type: ignore[arg-type]


def test_an_entry_point_brings_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shop_checks.py", GOOD)
    (tmp_path / "shop-1.dist-info").mkdir()
    write(tmp_path, "shop-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: shop\nVersion: 1\n")
    write(tmp_path, "shop-1.dist-info/entry_points.txt", f"[{extensions.GROUP}]\nshop = shop_checks\n")
    monkeypatch.syspath_prepend(tmp_path)
    load()
    assert "mine" in catalogue()


def test_the_command_line_ends_with_2_and_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "scenarios/mine.py", "from mcpfuzz.extend import nothing_such\n")
    with pytest.raises(SystemExit) as ended:
        main(["list", "scenarios"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("mcpfuzz: scenarios/mine.py:1: ImportError: cannot import name 'nothing_such'")
    assert told.count("\n") == 1


@pytest.mark.timeout(120)
def test_a_draw_that_fails_in_a_run_ends_with_2_and_is_in_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "scenarios/mine.py", GOOD.replace("choices.text(1, 3)", "choices.word()"))
    words = ["run", "--scenario", "mine", "--max-time", "20", "--sandbox", "off", "--report", "json=r.json"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--", sys.executable, "-m", "mcpfuzz.lab"])
    assert ended.value.code == 2
    assert "mcpfuzz: scenarios/mine.py:4: AttributeError" in capsys.readouterr().err
    assert "scenarios/mine.py:4" in (folder / "r.json").read_text(encoding="utf-8")


@pytest.mark.timeout(120)
def test_a_broken_scenario_is_one_line_of_pytest(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("")
    (pytester.path / "scenarios").mkdir()
    write(pytester.path, "scenarios/mine.py", "from mcpfuzz.extend import nothing_such\n")
    words = ("-p", "mcpfuzz.plugin", "--mcp-server", f"{sys.executable} -m mcpfuzz.lab", "--mcp-fuzz")
    result = pytester.runpytest_subprocess(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mcpfuzz: scenarios/mine.py:1: ImportError: *"])


@pytest.mark.runs
@pytest.mark.timeout(120)
@pytest.mark.parametrize("more", [(), ("-p", "xdist.plugin", "-n", "2")])
def test_scenarios_beside_the_conftest_of_a_tests_folder_become_items(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "tests" / "scenarios").mkdir(parents=True)
    write(pytester.path, "tests/conftest.py", "")
    write(pytester.path, "tests/scenarios/mine.py", GOOD)
    write(pytester.path, "pytest.ini", "[pytest]\ntestpaths = tests\n")
    words = ("-p", "mcpfuzz.plugin", "--mcp-fuzz", "--mcp-scenario", "mine", "--mcp-max-time", "15", "-k", "echo", "-v")
    result = pytester.runpytest_subprocess("--mcp-server", f"{sys.executable} -m mcpfuzz.lab", *words, *more)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*mcpfuzz::mine::tool[[]echo[]]*"])
