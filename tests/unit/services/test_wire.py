import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from aumos_agent_framework.core.domain.agents import ResourceLimits
from aumos_agent_framework.core.domain.executions import Governance, RunPlan
from aumos_agent_framework.core.domain.hitl import Decision, HitlRequest, Settlement
from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.services.wire import from_json, to_json
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import make_decision, make_execution, make_governance, make_plan, make_request, make_settlement


def through_storage(value: object) -> Any:
    return json.loads(json.dumps(to_json(value)))


class TestRoundTrip:
    @pytest.mark.parametrize(
        "value",
        [
            make_plan(),
            make_plan(make_execution(session_id="s")),
            make_plan(governance=make_governance(run_as=RunAs.WORKFLOW, privilege_cap=PrivilegeLevel.ADMIN)),
            make_settlement(),
            make_settlement(decided_by=None, notes="because"),
            make_request(decisions=(make_decision(),)),
        ],
    )
    def test_comes_back_equal(self, value: Any) -> None:
        restored = from_json(type(value), through_storage(value))
        assert restored == value

    def test_types_come_back_too(self) -> None:
        plan = from_json(RunPlan, through_storage(make_plan()))
        assert isinstance(plan.execution_id, UUID)
        assert isinstance(plan.governance.caller_level, PrivilegeLevel)
        assert isinstance(plan.bindings["write"].tools, tuple)
        assert isinstance(plan.bindings["write"].limits, ResourceLimits)

    def test_times_keep_their_instant(self) -> None:
        at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert from_json(Decision, through_storage(make_decision(decided_at=at))).decided_at == at


class TestOtherReleases:
    def test_an_unknown_field_is_left_out(self) -> None:
        settlement = make_settlement()
        assert from_json(Settlement, {**through_storage(settlement), "new": 1}) == settlement

    def test_a_missing_field_takes_its_default(self) -> None:
        stored = through_storage(make_settlement(notes="x"))
        del stored["notes"]
        assert from_json(Settlement, stored).notes is None

    def test_a_missing_field_without_default_is_an_error(self) -> None:
        stored = through_storage(make_governance())
        del stored["caller_level"]
        with pytest.raises(TypeError):
            from_json(Governance, stored)

    def test_only_types_can_be_read(self) -> None:
        with pytest.raises(TypeError, match="is no type"):
            from_json("Settlement", {})  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [None, [], "text", {"id": "no-uuid"}])
    def test_nonsense_is_an_error(self, value: Any) -> None:
        with pytest.raises((TypeError, ValueError, KeyError)):
            from_json(HitlRequest, value)
