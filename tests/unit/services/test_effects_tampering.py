"""An approval covers exactly what was approved: whatever is changed afterwards, nothing is called."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from aumos_agent_framework.core.domain.agents import Agent, AgentStatus, ToolGrant
from aumos_agent_framework.core.domain.effects import ActCommand, ActStatus
from aumos_agent_framework.core.domain.hitl import HitlKind, HitlRequest, HitlStatus, Verdict
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.domain.tools import ToolIdempotency, ToolStatus
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.services.digest import canonical
from aumos_agent_framework.core.services.tool_drafts import EDITABLE
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import NOW, OTHER_TENANT, TENANT, make_decision, make_governance, new_id
from tests.unit.services.door import ADMIN, ARI, PAT, PIA, RISKY, SAFE, SUPER, Door

BEFORE, AFTER = timedelta(days=-2), timedelta(days=365)

BOUND: dict[str, list[Callable[[HitlRequest], Any]]] = {
    "tenant_id": [lambda _: OTHER_TENANT],
    "execution_id": [lambda _: new_id()],
    "workflow_id": [lambda _: new_id()],
    "call_id": [lambda _: "write:1:call-2"],
    "kind": [lambda _: HitlKind.GATE],
    "node": [lambda _: "other"],
    "agent_id": [lambda _: None, lambda _: new_id()],
    "tool": [lambda _: None, lambda _: "other"],
    "tool_version": [lambda _: None, lambda _: 2],
    "arguments": [
        lambda _: None,
        lambda _: {},
        lambda one: {**(one.arguments or {}), "path": "/etc/passwd"},
        lambda one: {**(one.arguments or {}), "more": 1},
        lambda one: {**(one.arguments or {}), "copies": "1"},
        lambda one: {**(one.arguments or {}), "copies": 2**60},
    ],
    "initiated_by": [lambda _: "eve", lambda _: "ari"],
    "effective_level": [lambda _: RISKY, lambda _: SAFE],
    "required_level": [lambda _: SAFE, lambda _: ADMIN],
    "approver_roles": [lambda _: ("approver",)],
    "quorum": [lambda _: 0, lambda _: 2],
    "digest": [lambda one: one.digest[::-1], lambda _: "", lambda one: one.digest.upper(), lambda _: "ü"],
    "status": [
        lambda _: HitlStatus.PENDING,
        lambda _: HitlStatus.REJECTED,
        lambda _: HitlStatus.EXPIRED,
        lambda _: HitlStatus.CANCELLED,
    ],
    "decisions": [
        lambda _: (),
        lambda one: (replace(one.decisions[0], decision=Verdict.REJECT),),
        lambda one: (*one.decisions, make_decision(decided_by="pat", decision=Verdict.REJECT)),
        lambda one: (replace(one.decisions[0], decided_by="dana"),),
        lambda one: (replace(one.decisions[0], decided_by="owen"),),
        lambda one: (replace(one.decisions[0], decided_at=one.expires_at),),
    ],
    "expires_at": [lambda _: NOW + BEFORE, lambda _: NOW + AFTER, lambda one: one.expires_at + timedelta(seconds=1)],
    "agent_owner": [lambda _: "ari"],
    "consumed_at": [lambda _: NOW],
}
"""Every field of a request that decides whether, what and by whom, with ways to change it."""

TOLD_ONLY = {"id", "gate_name", "action_description", "context_data", "created_at"} | {
    "decided_by",  # the votes are in ``decisions``
    "decided_at",
    "decision_notes",
}
"""What people are told; the key itself cannot be changed without losing the row."""


async def assert_not_called(door: Door, request: HitlRequest, **overrides: Any) -> None:
    result = await door.act(**{"hitl_request_id": request.id, **overrides})
    assert result.status is not ActStatus.DONE, result
    assert door.runner.calls == []


def ways(table: Mapping[str, Sequence[object]]) -> list[tuple[str, int]]:
    """Number the ways to change each field."""
    return [(field, number) for field, changes in table.items() for number in range(len(changes))]


def changed(value: Any, field: str, to: object) -> Any:
    changes: dict[str, Any] = {field: to}
    return replace(value, **changes)


class TestTheRequestsRow:
    def test_every_field_is_either_bound_or_told(self) -> None:
        assert {field.name for field in fields(HitlRequest)} == set(BOUND) | TOLD_ONLY
        assert not set(BOUND) & TOLD_ONLY

    @pytest.mark.parametrize(("field", "way"), ways(BOUND))
    async def test_changed_after_approval(self, door: Door, field: str, way: int) -> None:
        request = await door.approved()
        door.overwrite("hitl", changed(request, field, BOUND[field][way](request)))
        await assert_not_called(door, request)

    @pytest.mark.parametrize("voters", [("pat",), ("pat", "pat"), ("pat", "dana"), ("pat", "owen")])
    async def test_without_two_different_people_at_level_five(self, voters: tuple[str, ...]) -> None:
        door = await Door().set_up(min_privilege_level=SUPER)
        request = await door.approved(PAT, PIA)
        votes = tuple(make_decision(decided_by=voter) for voter in voters)
        door.overwrite("hitl", replace(request, decisions=votes))
        await assert_not_called(door, request)

    async def test_untouched_it_is_good(self, door: Door) -> None:
        request = await door.approved()
        assert (await door.act(hitl_request_id=request.id)).status is ActStatus.DONE


TOOL_CHANGES: dict[str, object] = {
    "description": "Does something else.",
    "min_privilege_level": ADMIN,
    "input_schema": {"type": "object"},
    "output_schema": {"type": "object"},
    "config": {"type": "http", "method": "POST", "url": "http://elsewhere.test"},
    "idempotency": ToolIdempotency.IDEMPOTENT,
    "status": ToolStatus.DISABLED,
}


class TestTheTool:
    def test_every_field_that_can_change_is_tried(self) -> None:
        assert set(TOOL_CHANGES) == EDITABLE

    @pytest.mark.parametrize("field", sorted(TOOL_CHANGES))
    async def test_changed_after_approval(self, door: Door, field: str) -> None:
        request = await door.approved()
        await door.tools.update(PAT, "publish", {field: TOOL_CHANGES[field]})
        await assert_not_called(door, request)

    async def test_changed_and_changed_back(self, door: Door) -> None:
        request = await door.approved()
        await door.tools.update(PAT, "publish", {"description": "x"})
        await door.tools.update(PAT, "publish", {"description": door.tool.description})
        await assert_not_called(door, request)

    async def test_lowered_to_a_level_without_approvals_by_way_of_the_old_approval(self, door: Door) -> None:
        request = await door.approved()
        await door.tools.update(PAT, "publish", {"min_privilege_level": SAFE})
        await assert_not_called(door, request)


class TestTheAgent:
    @pytest.mark.parametrize(
        "changes",
        [
            {"privilege_level": RISKY},
            {"privilege_level": ADMIN},
            {"privilege_level": SAFE},
            {"status": AgentStatus.SUSPENDED},
            {"tool_access": {}},
            {"tool_access": {"publish": ToolGrant(enabled=False)}},
            {"owner": "ari"},
        ],
    )
    async def test_changed_after_approval(self, door: Door, changes: dict[str, Any]) -> None:
        request = await door.approved()
        agent: Agent = replace(door.agent, **changes)
        door.overwrite("agents", agent)
        await assert_not_called(door, request)


class TestLevels:
    @pytest.mark.parametrize("cap", [level for level in PrivilegeLevel if level < SUPER])
    async def test_the_tenants_cap_lowered_after_approval(self, door: Door, cap: PrivilegeLevel) -> None:
        request = await door.approved()
        door.uow.set_tenant(Tenant(TENANT, "t", privilege_cap=cap))
        await assert_not_called(door, request)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"caller_level": ADMIN},
            {"caller_level": SAFE},
            {"initiated_by": "eve"},
            {"initiated_by": "ari"},
            {"privilege_cap": RISKY},
            {"run_as": RunAs.WORKFLOW, "privilege_cap": ADMIN},
        ],
    )
    async def test_another_authority_than_was_asked_with(self, door: Door, overrides: dict[str, Any]) -> None:
        request = await door.approved()
        governance = make_governance(**{"initiated_by": "dana", "caller_level": SUPER, **overrides})
        await assert_not_called(door, request, governance=governance)


COMMAND_CHANGES: dict[str, list[Any]] = {
    "tenant_id": [OTHER_TENANT],
    "execution_id": [new_id()],
    "node": ["other"],
    "call_id": ["write:1:call-2"],
    "tool": ["other"],
    "agent_id": [None, new_id()],
    "hitl_request_id": [new_id()],
}
TRIED_ELSEWHERE = {"governance", "arguments"}
WITHOUT_WEIGHT = {"workflow_id", "current_nodes"}  # the run's row says it; for display


class TestTheCommand:
    def test_every_field_is_tried(self) -> None:
        assert {field.name for field in fields(ActCommand)} == set(COMMAND_CHANGES) | TRIED_ELSEWHERE | WITHOUT_WEIGHT

    @pytest.mark.parametrize(("field", "way"), ways(COMMAND_CHANGES))
    async def test_changed_after_approval(self, door: Door, field: str, way: int) -> None:
        request = await door.approved()
        await assert_not_called(door, request, **{field: COMMAND_CHANGES[field][way]})


SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
STRINGS = ("call_id", "tool", "initiated_by", "node", "digest")


def exact(value: Any) -> bytes | None:
    try:
        return canonical(value, "")
    except Exception:  # noqa: BLE001 - whatever has no exact form differs from what has one
        return None


class TestRandomMutations:
    """A few hundred in every run; a sweep of ten thousand needs only another number."""

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(key=st.sampled_from(["path", "copies", "options", "new"]), value=VALUES, drop=st.booleans())
    async def test_of_the_arguments(self, key: str, value: Any, drop: bool) -> None:  # noqa: FBT001 - drawn
        door = await Door().set_up(input_schema={"type": "object"})
        arguments: dict[str, Any] = {"path": "report.md", "copies": 1, "options": {"deep": [1, {"er": None}]}}
        request = await door.approved(arguments=arguments)
        mutated = copy.deepcopy(arguments)
        if drop:
            mutated.pop(key, None)
        else:
            mutated[key] = value
        assume(exact(mutated) != exact(arguments))
        door.overwrite("hitl", replace(request, arguments=mutated))
        await assert_not_called(door, request)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(field=st.sampled_from(STRINGS), value=st.text(max_size=70))
    async def test_of_the_texts(self, field: str, value: str) -> None:
        door = await Door().set_up()
        request = await door.approved()
        assume(value != getattr(request, field))
        door.overwrite("hitl", changed(request, field, value))
        await assert_not_called(door, request)

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        version=st.integers(0, 5),
        effective=st.sampled_from(PrivilegeLevel),
        required=st.sampled_from(PrivilegeLevel),
        quorum=st.integers(0, 3),
        later=st.integers(-100_000, 100_000),
    )
    async def test_of_the_numbers(
        self, version: int, effective: PrivilegeLevel, required: PrivilegeLevel, quorum: int, later: int
    ) -> None:
        door = await Door().set_up()
        request = await door.approved()
        mutated = replace(
            request,
            tool_version=version,
            effective_level=effective,
            required_level=required,
            quorum=quorum,
            expires_at=request.expires_at + timedelta(seconds=later),
        )
        assume(mutated != request)
        door.overwrite("hitl", mutated)
        await assert_not_called(door, request)


class TestSelfApproval:
    """Votes that got into the row past the service's own check are worth nothing at the door."""

    @pytest.mark.parametrize("voter", ["dana", "owen"])
    async def test_by_a_party(self, door: Door, voter: str) -> None:
        request = await door.ask()
        vote = make_decision(decided_by=voter, decided_at=door.clock.now())
        forged = replace(request, status=HitlStatus.APPROVED, decisions=(vote,), decided_by=voter)
        door.overwrite("hitl", forged)
        await assert_not_called(door, request)

    async def test_by_nobody(self, door: Door) -> None:
        request = await door.ask()
        door.overwrite("hitl", replace(request, status=HitlStatus.APPROVED, decided_by="ari"))
        await assert_not_called(door, request)

    async def test_by_a_former_approver_who_owns_the_agent_now(self, door: Door) -> None:
        request = await door.approved(ARI)
        await door.agents.update(PAT, door.agent.id, {"owner": "ari"})
        await assert_not_called(door, request)
