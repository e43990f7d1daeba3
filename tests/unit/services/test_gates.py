from datetime import timedelta
from typing import Any

import pytest

from aumos_agent_framework.core.domain.executions import ExecutionStatus
from aumos_agent_framework.core.domain.hitl import HitlKind, HitlStatus, OpenedRequest
from aumos_agent_framework.core.domain.identity import Tenant
from aumos_agent_framework.core.errors import ConflictError, InvalidInputError, NotFoundError
from aumos_agent_framework.core.services.digest import request_digest
from tests.factories import TENANT, make_gate, make_open_gate_command, make_run_end, new_id
from tests.unit.services.door import ADMIN, ARI, PAT, PIA, RISKY, SUPER, Door


async def open_gate(door: Door, **overrides: Any) -> OpenedRequest:
    command = make_open_gate_command(**{"execution_id": door.execution.id, **overrides})
    return await door.hitl.open_gate(command)


class TestOpenGate:
    async def test_asks_what_the_definition_says(self, door: Door) -> None:
        gate = make_gate(
            name="sign-off",
            approver_level=ADMIN,
            approver_roles=("legal",),
            quorum=3,
            timeout=timedelta(hours=2),
            description="Sign here.",
        )
        opened = await open_gate(door, gate=gate, agent_id=door.agent.id, context_data={"n": 1})
        request = await door.request(opened.request_id)
        assert (request.kind, request.gate_name, request.action_description) == (
            HitlKind.GATE,
            "sign-off",
            "Sign here.",
        )
        assert (request.required_level, request.approver_roles, request.quorum) == (ADMIN, ("legal",), 3)
        assert (request.tool, request.tool_version, request.arguments) == (None, None, None)
        assert request.context_data == {"n": 1}
        assert (request.agent_owner, request.initiated_by) == ("owen", "dana")
        assert request.digest == request_digest(request)
        assert opened == OpenedRequest(request.id, HitlStatus.PENDING, 7200.0)

    async def test_the_runs_row_says_who_started_it(self, door: Door) -> None:
        opened = await open_gate(door, initiated_by="eve")
        assert (await door.request(opened.request_id)).initiated_by == "dana"

    async def test_without_a_description_it_says_where(self, door: Door) -> None:
        before = await door.request((await open_gate(door)).request_id)
        after = await open_gate(door, gate=make_gate(before=False), call_id="publish:1:after")
        assert "before the node publish" in before.action_description
        assert "after the node publish" in (await door.request(after.request_id)).action_description

    async def test_the_level_is_the_agents_under_the_tenants_cap(self, door: Door) -> None:
        door.uow.set_tenant(Tenant(TENANT, "t", privilege_cap=ADMIN))
        of_agent = await open_gate(door, agent_id=door.agent.id)
        of_node = await open_gate(door, call_id="other")
        assert (await door.request(of_agent.request_id)).effective_level is ADMIN
        assert (await door.request(of_node.request_id)).effective_level is ADMIN

    async def test_pauses_the_run_until_it_is_settled(self, door: Door) -> None:
        opened = await open_gate(door)
        assert (door.run().status, door.run().current_nodes) == (ExecutionStatus.PAUSED_HITL, ("publish",))
        assert (TENANT, door.execution.id) in door.signals.announced
        await door.approve(await door.request(opened.request_id))
        assert door.run().status is ExecutionStatus.RUNNING

    async def test_a_repetition_finds_the_question_with_the_time_that_is_left(self, door: Door) -> None:
        first = await open_gate(door)
        door.clock.advance(3600)
        second = await open_gate(door, context_data={"changed": True})
        assert second == OpenedRequest(first.request_id, HitlStatus.PENDING, first.expires_in_seconds - 3600)
        assert len(door.requests()) == 1

    async def test_a_repetition_after_the_decision_hears_it_and_pauses_nothing(self, door: Door) -> None:
        first = await open_gate(door)
        await door.hitl.reject(ARI, first.request_id, notes=None)
        again = await open_gate(door)
        assert again.status is HitlStatus.REJECTED
        assert door.run().status is ExecutionStatus.RUNNING

    async def test_takes_as_many_people_as_its_quorum(self, door: Door) -> None:
        opened = await open_gate(door, gate=make_gate(quorum=3, approver_level=RISKY))
        request = await door.approve(await door.request(opened.request_id), ARI, PAT)
        assert request.status is HitlStatus.PENDING
        assert (await door.approve(request, PIA)).status is HitlStatus.APPROVED

    @pytest.mark.parametrize("context", [{"n": 2**60}, {"n": float("nan")}, {"n": "\x00"}], ids=["big", "nan", "nul"])
    async def test_a_context_that_cannot_be_bound_is_refused(self, door: Door, context: dict[str, object]) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await open_gate(door, context_data=context)
        assert caught.value.problems[0].pointer == "/context_data"
        assert door.requests() == []

    async def test_of_a_run_that_has_ended_is_refused(self, door: Door) -> None:
        await door.runs.finish(TENANT, door.execution.id, make_run_end(), ())
        with pytest.raises(ConflictError) as caught:
            await open_gate(door)
        assert caught.value.code == "run_ended"

    async def test_of_a_run_that_does_not_exist_is_refused(self, door: Door) -> None:
        with pytest.raises(NotFoundError):
            await open_gate(door, execution_id=new_id())

    async def test_approvals_of_gates_are_worth_nothing_at_the_door(self, door: Door) -> None:
        command = door.command()
        opened = await open_gate(door, call_id=command.call_id, node=command.node, agent_id=command.agent_id)
        await door.approve(await door.request(opened.request_id))
        result = await door.act(hitl_request_id=opened.request_id)
        assert result.code == "approval_mismatch"
        assert SUPER is door.agent.privilege_level
        assert door.runner.calls == []
