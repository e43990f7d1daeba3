"""Does an input fit a definition's state."""

from aumos_agent_framework.core.errors import InvalidInputError, Problem
from aumos_agent_framework.core.graph.json_schema import violations
from aumos_agent_framework.core.types import JsonObject


def check_input(definition: JsonObject, input_data: JsonObject) -> None:
    """Check an input against the state's JSON Schema; properties with a default may be left out.

    Raises:
        InvalidInputError: with a pointer under ``/input_data`` for every misfit.
    """
    schema = definition.get("state") or {}
    properties = schema.get("properties", {})
    defaults = {
        key: value["default"] for key, value in properties.items() if isinstance(value, dict) and "default" in value
    }
    problems = [
        Problem(f"/input_data{pointer}", message, "input_misfit")
        for pointer, message in violations(schema, defaults | input_data)
    ]
    if problems:
        raise InvalidInputError("The input does not fit the workflow's state.", problems)
