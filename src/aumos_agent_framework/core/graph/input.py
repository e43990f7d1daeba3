"""Does an input fit a definition's state."""

from collections.abc import Iterator

from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.graph.expressions import escape_pointer
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.graph.state import first_value_fault
from aumos_agent_framework.core.types import JsonMapping, JsonObject


def check_input(definition: JsonObject, input_data: JsonObject) -> None:
    """Check an input against the state's JSON Schema and reducers; properties with a default may be left out.

    Raises:
        InvalidInputError: with a pointer under ``/input_data`` for every misfit.
    """
    problems = [
        Problem(f"/input_data{pointer}", message, "input_misfit")
        for pointer, message in _misfits(definition.get("state") or {}, input_data)
    ]
    if problems:
        raise InvalidInputError("The input does not fit the workflow's state.", problems)


def _misfits(schema: JsonMapping, input_data: JsonObject) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties", {})
    defaults = {
        key: value["default"] for key, value in properties.items() if isinstance(value, dict) and "default" in value
    }
    told = set()
    for pointer, message in violations(schema, defaults | input_data):
        told.add(pointer)
        yield pointer, message
    for key, property_schema in properties.items():
        pointer = f"/{escape_pointer(key)}"
        fault = first_value_fault(property_schema, input_data[key]) if key in input_data else None
        if fault is not None and pointer not in told:
            yield pointer, f"{fault}."
