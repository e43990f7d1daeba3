"""The page of the definition language tells the truth: its examples are valid, its codes are the code's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aumos_agent_framework.core.domain.workflows import ValidationReport
from aumos_agent_framework.core.graph.expressions import FUNCTIONS, MAX_DEPTH, MAX_EXPRESSION_LENGTH, MAX_WALKED
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.graph.schema import REDUCERS, workflow_json_schema
from aumos_agent_framework.core.graph.state import MAX_STATE_BYTES
from aumos_agent_framework.core.graph.validation import Catalog, validate
from tests.factories import make_agent, make_tool, make_workflow_draft

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "aumos_agent_framework"
PAGE = (ROOT / "docs" / "definition-language.md").read_text(encoding="utf-8")
EXAMPLES: list[str] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
_REFUSED = re.compile(r"# refused: (?P<code>\w+) at (?P<pointer>\S+)")
_CODE = re.compile(r"`([a-z_]+)`")


def schema(**properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": list(properties)[:1], "additionalProperties": False}


CATALOG = Catalog(
    agents={"writer": make_agent(name="writer")},
    tools={
        "search": make_tool(name="search", input_schema=schema(query={"type": "string"}, limit={"type": "integer"})),
        "send_mail": make_tool(name="send_mail", input_schema=schema(to={"type": "string"}, text={"type": "string"})),
    },
)


def report_on(example: str) -> ValidationReport:
    """Validate an example: a whole workflow, or the graph alone."""
    document = yaml.safe_load(example)
    return validate(
        make_workflow_draft(**(document if "graph_definition" in document else {"graph_definition": document})), CATALOG
    )


def section(title: str) -> str:
    """Return what stands below a heading, to the next one."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def codes_in_tables(text: str) -> set[str]:
    """Return the codes in the first columns of the tables of a text."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {code for row in rows for code in _CODE.findall(row)}


def codes_raised(*names: str, argument: int, below: str) -> set[str]:
    """Return the string literals that calls of some functions below a directory have at a place."""
    return {code for path in sorted((SOURCE / below).rglob("*.py")) for code in _literals(path, names, argument)}


def _literals(path: Path, names: tuple[str, ...], argument: int) -> Iterator[str]:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
            given = call.args[argument] if len(call.args) > argument else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example-{number}" for number in range(1, len(EXAMPLES) + 1)])
class TestExamples:
    def test_it_is_valid_or_refused_as_it_says(self, example: str) -> None:
        refused = _REFUSED.match(example)
        expected = [] if refused is None else [(refused["code"], refused["pointer"])]
        assert [(problem.code, problem.pointer) for problem in report_on(example).errors] == expected

    def test_it_follows_the_published_schema(self, example: str) -> None:
        document = yaml.safe_load(example)
        assert violations(workflow_json_schema(), document.get("graph_definition", document)) == []

    def test_it_is_not_doubtful_beyond_undeclared_keys(self, example: str) -> None:
        assert {problem.code for problem in report_on(example).warnings} <= {"undeclared_state"}


class TestTables:
    def test_every_code_of_the_validator_is_told_and_no_other(self) -> None:
        told = codes_in_tables(section("What is refused"))
        checks = codes_raised("error", "warning", "say", argument=1, below="core/graph")
        syntax = codes_raised("ExpressionError", argument=0, below="core/graph") - {"expression_failed"}
        assert told == checks | syntax

    def test_every_code_of_the_engine_is_told_and_no_other(self) -> None:
        told = codes_in_tables(section("Why a run fails"))
        failures = codes_raised("NodeFailedError", "ExecutionError", "AgfError", argument=0, below="core/graph")
        failures |= codes_raised("ExecutionError", argument=0, below="adapters/workflow_engine")
        elsewhere = {"expression_failed", "step_limit_exceeded", "hitl_rejected", "effect_unknown"}
        assert told == (failures | elsewhere) - {"arguments_malformed"}

    def test_every_reducer_is_told(self) -> None:
        assert codes_in_tables(section("State")) == set(REDUCERS)

    def test_every_function_is_told(self) -> None:
        words = set(re.findall(r"\w+", " ".join(_functions(section("Expressions")))))
        assert words == {name for name in FUNCTIONS if not name.startswith("get")}

    def test_limits_are_those_of_the_code(self) -> None:
        limits = section("Limits")
        assert f"| {MAX_EXPRESSION_LENGTH:,} characters |" in limits
        assert f"go through | {MAX_WALKED:,} |" in limits
        assert f"| {MAX_STATE_BYTES:,} bytes |" in limits
        assert f"| levels of nesting | {MAX_DEPTH} |" in limits


def _functions(text: str) -> list[str]:
    sentence = text.split("Functions:", 1)[1].split("; macros", 1)[0]
    return [span for span in re.findall(r"`([^`]+)`", sentence) if "…" not in span]


def test_links_on_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / "docs" / target).is_file()
