"""Functions that tests register as tools."""

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from aumos_agent_framework.tools import ToolCallContext, ToolError, needs_level

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Colour(StrEnum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Receipt(BaseModel):
    number: int
    on: date


class Gate:
    """Lets a blocked function go; counts entries."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)


GATE = Gate()


def add(a: int, b: Annotated[int, Field(description="The other one.")] = 2) -> int:
    """Add two numbers.

    Large ones too.

    Args:
        a: one.
        b: the other.
    """
    return a + b


async def add_async(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


def issue(point: Point, on: date, colour: Colour, schema: str = "s", _private: int = 0) -> Receipt:
    assert isinstance(point, Point)
    assert isinstance(on, date)
    assert isinstance(colour, Colour)
    return Receipt(number=point.x + _private, on=on)


def whose(call: ToolCallContext, prefix: str = "") -> str:
    return f"{prefix}{call.effect_id}"


async def whose_maybe(prefix: str, *, call: ToolCallContext | None = None) -> str:
    assert call is not None
    return f"{prefix}{call.attempt}"


def who() -> str:
    return WHO.get()


def refuse() -> None:
    raise ToolError("No such order.")


async def refuse_async() -> None:
    raise ToolError("No such order.")


def fail(kind: str) -> None:
    raise {"value": ValueError, "time": TimeoutError, "reset": ConnectionResetError, "stop": StopIteration}[kind](
        "oh no"
    )


async def fail_async(kind: str) -> None:
    raise {"value": ValueError, "time": TimeoutError, "reset": ConnectionResetError}[kind]("oh no")


def leave() -> None:
    raise SystemExit(3)


async def leave_async() -> None:
    raise SystemExit(3)


async def cancel_itself() -> None:
    raise asyncio.CancelledError


def block() -> str:
    GATE.entered.release()
    GATE.opened.wait(20)
    return "late"


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def ignore_cancellation() -> None:
    for _ in range(3):
        try:
            await asyncio.sleep(0.7)
        except asyncio.CancelledError:
            continue


def lie() -> int:
    return "not a number"  # type: ignore[return-value]


def anything() -> Any:
    return {"a": object()}


def large() -> str:
    return "x" * 2_000_000


def with_nul() -> list[str]:
    return ["a\x00b"]


def not_annotated(a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return a


def variadic(*items: int) -> None: ...


def keywords(**items: int) -> None: ...


def positional(a: int, /) -> None: ...


def unknown_type(a: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def no_schema(a: threading.Event) -> None: ...


@needs_level(3)
def destroy() -> str:
    return "gone"


NOT_A_FUNCTION = 7
