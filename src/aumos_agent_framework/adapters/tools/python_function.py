"""One installed Python function as a tool: its schema from its annotations, its arguments and result as JSON."""

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError

from aumos_agent_framework.core.types import JsonObject, PrivilegeLevel
from aumos_agent_framework.tools import ToolCallContext, level_needed

_SECTIONS = frozenset({"Args:", "Arguments:", "Returns:", "Raises:", "Example:", "Examples:", "Note:", "Notes:"})


class UnsuitableFunctionError(Exception):
    """The function cannot be a tool; the message says why."""


class _UntitledSchema(GenerateJsonSchema):
    """Leaves out the titles that Pydantic makes of names: a model reads every schema again at every turn."""

    # A default that JSON cannot hold is left out of the schema and still applies.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - the base class declares it so
        "skipped-choice",
        "non-serializable-default",
    }

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never set one."""
        del schema
        return False


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """A function with everything that its signature says."""

    function: Callable[..., Any]
    is_async: bool
    min_level: PrivilegeLevel  # as the function declares it
    description: str
    context_parameter: str | None
    arguments: type[BaseModel]
    names: dict[str, str]  # the model's field -> the parameter
    result: TypeAdapter[Any]
    input_schema: JsonObject
    output_schema: JsonObject | None

    @classmethod
    def of(cls, function: object) -> "PythonFunction":
        """Read a function's signature.

        Raises:
            UnsuitableFunctionError: it is no function, or its annotations do not give a schema.
        """
        if not inspect.isfunction(function):
            raise UnsuitableFunctionError("it is not a function")
        hints = _hints(function)
        parameters = inspect.signature(function).parameters
        context = next((name for name in parameters if _is_context(hints.get(name))), None)
        visible = [parameter for name, parameter in parameters.items() if name != context]
        try:
            arguments = _arguments_model(visible, hints)
            result: TypeAdapter[Any] = TypeAdapter(hints.get("return", Any))
            input_schema = _input_schema(arguments)
            output_schema = _output_schema(result) if "return" in hints else None
        except PydanticUserError as error:
            raise UnsuitableFunctionError(f"its annotations do not give a schema: {error.message}") from error
        return cls(
            function=function,
            is_async=inspect.iscoroutinefunction(function),
            min_level=level_needed(function),
            description=_description(function),
            context_parameter=context,
            arguments=arguments,
            names={f"p{number}": parameter.name for number, parameter in enumerate(visible)},
            result=result,
            input_schema=input_schema,
            output_schema=output_schema,
        )

    def keywords(self, arguments: JsonObject, context: ToolCallContext) -> dict[str, Any]:
        """Turn JSON arguments into the function's types.

        Raises:
            ValueError: they do not fit.
        """
        try:
            fitted = self.arguments.model_validate_json(orjson.dumps(arguments))
        except ValidationError as error:
            raise ValueError("; ".join(_fault_texts(error))) from error
        keywords = {self.names[field]: getattr(fitted, field) for field in fitted.model_fields_set}
        if self.context_parameter is not None:
            keywords[self.context_parameter] = context
        return keywords

    def dump(self, value: object) -> bytes:
        """Turn a result into JSON text.

        Raises:
            ValueError: it does not fit the annotation, or JSON cannot hold it.
        """
        try:
            return self.result.dump_json(value, warnings="error", by_alias=True)
        except PydanticSerializationError as error:
            raise ValueError(str(error)) from error


def _fault_texts(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        yield f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise UnsuitableFunctionError(f"its annotations cannot be read here: {error}") from error


def _is_context(hint: object) -> bool:
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return ToolCallContext in typing.get_args(hint)
    return hint is ToolCallContext


def _arguments_model(parameters: list[inspect.Parameter], hints: dict[str, Any]) -> type[BaseModel]:
    """Numbered fields with the parameters as aliases: a field may not be called ``schema`` or ``_id``."""
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UnsuitableFunctionError(f"parameter {str(parameter)!r} cannot be given by name")
        if parameter.name not in hints:
            raise UnsuitableFunctionError(f"parameter {parameter.name!r} has no annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"p{number}"] = (hints[parameter.name], Field(default, alias=parameter.name))
    return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)


def _input_schema(arguments: type[BaseModel]) -> JsonObject:
    schema = arguments.model_json_schema(schema_generator=_UntitledSchema)
    schema.pop("title", None)
    return schema


def _output_schema(result: TypeAdapter[Any]) -> JsonObject | None:
    schema = result.json_schema(schema_generator=_UntitledSchema, mode="serialization")
    return schema or None


def _description(function: Callable[..., Any]) -> str:
    """Return the docstring without its sections: arguments and result are in the schemas."""
    lines = []
    for line in (inspect.getdoc(function) or "").splitlines():
        if line.strip() in _SECTIONS:
            break
        lines.append(line)
    return "\n".join(lines).strip()
