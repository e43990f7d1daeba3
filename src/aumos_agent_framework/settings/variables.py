"""Names of environment variables: one table, derived from the settings model, serves reading, writing and checking.

The AumOS family's names follow no single prefix. A setting's canonical name is ``AUMOS_`` and its path joined by
``__``, except for the groups in ``_PREFIXES``. What a person may write by analogy is accepted too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

FAMILY_PREFIX = "AUMOS_"
_PREFIXES = {"agf": "AUMOS_AGF_", "temporal": "TEMPORAL_", "llm": "LLM_SERVING_"}


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting's variable. ``path`` leads to the setting in the model; ``other_names`` are accepted as well."""

    name: str
    other_names: tuple[str, ...]
    path: tuple[str, ...]
    field: FieldInfo

    @property
    def names(self) -> tuple[str, ...]:
        """All accepted names, the one that wins first."""
        return (self.name, *self.other_names)


def variables_of(model: type[BaseModel]) -> tuple[Variable, ...]:
    """Return the variable of every setting in ``model``, in the model's order."""
    return tuple(_variable(path, field) for path, field in _leaves(model, ()))


def _leaves(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, (*path, name))
        else:
            yield (*path, name), field


def _variable(path: tuple[str, ...], field: FieldInfo) -> Variable:
    nested = FAMILY_PREFIX + "__".join(path).upper()
    if path[0] not in _PREFIXES:
        return Variable(nested, (), path, field)
    name = _PREFIXES[path[0]] + "__".join(path[1:]).upper()
    prefixed = () if name.startswith(FAMILY_PREFIX) else (FAMILY_PREFIX + name,)
    return Variable(name, (nested, *prefixed), path, field)


class NamedVariables(PydanticBaseSettingsSource):
    """Pydantic's source for the table above, over what the library has read from environment and ``.env`` file."""

    def __init__(self, settings_cls: type[BaseSettings], *layers: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        environ: dict[str, str | None] = {}
        for layer in reversed(layers):  # the first layer wins
            if isinstance(layer, EnvSettingsSource):
                environ.update(layer.env_vars)
        self._values = nested_values(settings_cls, environ)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base's
        """Return the value or nested values that variables give the field."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values of all fields that a variable is set for."""
        return dict(self._values)


def nested_values(model: type[BaseModel], environ: Mapping[str, str | None]) -> dict[str, Any]:
    """Arrange the known variables of ``environ`` as ``model`` takes them; empty ones count as unset."""
    nested: dict[str, Any] = {}
    for variable in variables_of(model):
        value = next((environ[name] for name in variable.names if environ.get(name)), None)
        if value is None:
            continue
        group = nested
        for key in variable.path[:-1]:
            group = group.setdefault(key, {})
        group[variable.path[-1]] = value
    return nested
