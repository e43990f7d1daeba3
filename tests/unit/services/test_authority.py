"""Levels, against an oracle that asks the question the other way round."""

from itertools import product

import pytest

from aumos_agent_framework.core.domain.workflows import RunAs
from aumos_agent_framework.core.services.authority import (
    Decision,
    EffectiveLevel,
    Permission,
    decide,
    effective_level,
    quorum_for,
)
from aumos_agent_framework.core.types import PrivilegeLevel
from tests.factories import make_governance

LEVELS = tuple(PrivilegeLevel)
OPTIONAL_LEVELS = (None, *LEVELS)


def reaches(wanted: int, cap: int, workflow: int | None, agent: int | None, caller: int, run_as: RunAs) -> bool:
    """The oracle: a call reaches a level when nobody who has a say is below it."""
    if cap < wanted:
        return False
    if workflow is not None and workflow < wanted:
        return False
    if agent is not None and agent < wanted:
        return False
    lends_its_own = run_as is RunAs.WORKFLOW and workflow is not None
    return lends_its_own or caller >= wanted


def expected(wanted: int, *parties: object) -> Permission:
    if not reaches(wanted, *parties):  # type: ignore[arg-type]
        return Permission.DENY
    return Permission.REQUIRE_APPROVAL if wanted in {3, 4, 5} else Permission.ALLOW


class TestEveryCombination:
    @pytest.mark.parametrize("run_as", list(RunAs))
    @pytest.mark.parametrize("tool", LEVELS)
    def test_agrees_with_the_oracle(self, tool: PrivilegeLevel, run_as: RunAs) -> None:
        for cap, workflow, agent, caller in product(LEVELS, OPTIONAL_LEVELS, OPTIONAL_LEVELS, LEVELS):
            governance = make_governance(caller_level=caller, run_as=run_as, privilege_cap=workflow)
            level = effective_level(tenant_cap=cap, governance=governance, agent_level=agent)
            parties = (cap, workflow, agent, caller, run_as)
            assert decide(level, tool).permission is expected(tool, *parties), parties

    def test_the_level_is_the_highest_that_is_reached(self) -> None:
        for cap, workflow, agent, caller, run_as in product(LEVELS, OPTIONAL_LEVELS, OPTIONAL_LEVELS, LEVELS, RunAs):
            governance = make_governance(caller_level=caller, run_as=run_as, privilege_cap=workflow)
            level = effective_level(tenant_cap=cap, governance=governance, agent_level=agent)
            highest = max(one for one in LEVELS if reaches(one, cap, workflow, agent, caller, run_as))
            assert level.level is highest


class TestReasons:
    def test_the_deciding_bound_comes_first(self) -> None:
        governance = make_governance(initiated_by="dana", caller_level=PrivilegeLevel.ADMIN)
        level = effective_level(
            tenant_cap=PrivilegeLevel.SUPER_ADMIN, governance=governance, agent_level=PrivilegeLevel.EXECUTE_SAFE
        )
        assert level.reasons == (
            "the agent's level is 2",
            "the level of dana, who started the run, is 4",
            "the tenant's cap is 5",
        )

    def test_a_denial_says_what_is_needed_and_what_there_is(self) -> None:
        decision = decide(EffectiveLevel(PrivilegeLevel.READ_ONLY, ("because",)), PrivilegeLevel.ADMIN)
        assert decision == Decision(
            Permission.DENY,
            PrivilegeLevel.READ_ONLY,
            PrivilegeLevel.ADMIN,
            ("the tool needs level 4, the call has 1", "because"),
        )


class TestQuorum:
    def test_only_the_highest_level_needs_two_people(self) -> None:
        assert [quorum_for(level) for level in LEVELS] == [1, 1, 1, 1, 2]
