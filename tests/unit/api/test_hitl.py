"""Human decisions over HTTP."""

from typing import Any

import httpx2
import pytest

from aumos_agent_framework.core.types import JsonObject
from tests.factories import TENANT, make_gate
from tests.unit.api.bodies import MISSING
from tests.unit.api.test_workflows import created, running
from tests.unit.api.world import World

HITL = "/api/v1/hitl"


@pytest.fixture
async def execution(dana: httpx2.AsyncClient) -> JsonObject:
    return await running(dana, await created(dana))


@pytest.fixture
async def request_id(world: World, execution: JsonObject) -> str:
    return await world.open_gate(execution)


class TestGet:
    async def test_answers_the_whole_request(
        self, dana: httpx2.AsyncClient, execution: JsonObject, request_id: str
    ) -> None:
        answer = await dana.get(f"{HITL}/{request_id}")

        assert answer.status_code == 200
        request = answer.json()
        assert len(request["digest"]) == 64
        assert request == {
            "id": request_id,
            "tenant_id": str(TENANT),
            "execution_id": execution["id"],
            "workflow_id": execution["workflow_id"],
            "gate_name": "publish",
            "kind": "gate",
            "node": "publish",
            "agent_id": None,
            "tool": None,
            "arguments": None,
            "action_description": "The run asks for approval before the node publish.",
            "context_data": {"state": {"n": 1}},
            "initiated_by": "dana",
            "effective_level": 5,
            "required_level": 3,
            "approver_roles": [],
            "quorum": 1,
            "digest": request["digest"],
            "status": "pending",
            "decisions": [],
            "decided_by": None,
            "decided_at": None,
            "decision_notes": None,
            "expires_at": "2026-11-23T12:00:00Z",
            "created_at": "2026-11-22T12:00:00Z",
        }

    async def test_a_missing_one(self, dana: httpx2.AsyncClient) -> None:
        answer = await dana.get(f"{HITL}/{MISSING}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestPending:
    async def test_lists_open_ones_only(
        self, world: World, ari: httpx2.AsyncClient, execution: JsonObject, request_id: str
    ) -> None:
        settled = await world.open_gate(execution, call_id="other:1")
        await ari.post(f"{HITL}/{settled}/reject")

        answer = await ari.get(f"{HITL}/pending")

        assert (answer.json()["total"], [item["id"] for item in answer.json()["items"]]) == (1, [request_id])

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"execution_id": "{execution}"}, 1),
            ({"execution_id": MISSING}, 0),
            ({"workflow_id": "{workflow}"}, 1),
            ({"workflow_id": MISSING}, 0),
            ({"agent_id": MISSING}, 0),
            ({"required_level": "3"}, 1),
            ({"required_level": "4"}, 0),
        ],
        ids=str,
    )
    async def test_filters(
        self, ari: httpx2.AsyncClient, execution: JsonObject, request_id: str, query: dict[str, str], found: int
    ) -> None:
        places = {"{execution}": execution["id"], "{workflow}": execution["workflow_id"]}
        params = {name: places.get(value, value) for name, value in query.items()}

        answer = await ari.get(f"{HITL}/pending", params=params)

        assert [item["id"] for item in answer.json()["items"]] == [request_id] * found

    async def test_mine_are_those_that_i_may_decide(
        self, dana: httpx2.AsyncClient, vera: httpx2.AsyncClient, ari: httpx2.AsyncClient, request_id: str
    ) -> None:
        seen = {
            name: (await client.get(f"{HITL}/pending", params={"mine": "true"})).json()["total"]
            for name, client in {"initiator": dana, "level 1": vera, "level 3": ari}.items()
        }

        assert seen == {"initiator": 0, "level 1": 0, "level 3": 1}

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [({"required_level": "6"}, "?required_level"), ({"mine": "perhaps"}, "?mine"), ({"status": "x"}, "?status")],
        ids=str,
    )
    async def test_a_wrong_query_has_its_place(
        self, ari: httpx2.AsyncClient, query: dict[str, str], pointer: str
    ) -> None:
        answer = await ari.get(f"{HITL}/pending", params=query)

        assert answer.status_code == 422
        assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


class TestApprove:
    async def test_settles_and_tells_the_run(
        self, world: World, dana: httpx2.AsyncClient, ari: httpx2.AsyncClient, execution: JsonObject, request_id: str
    ) -> None:
        pending = (await dana.get(f"{HITL}/{request_id}")).json()

        answer = await ari.post(f"{HITL}/{request_id}/approve", json={"notes": "fine", "digest": pending["digest"]})

        assert answer.status_code == 200
        at = "2026-11-22T12:00:00Z"
        assert answer.json() == {
            **pending,
            "status": "approved",
            "decisions": [{"decided_by": "ari", "decision": "approve", "notes": "fine", "decided_at": at}],
            "decided_by": "ari",
            "decided_at": at,
            "decision_notes": "fine",
        }
        (told,) = world.executor.settled.values()
        assert [str(settlement.request_id) for settlement in told] == [request_id]

    @pytest.mark.parametrize("body", [{"json": {}}, {}, {"json": None}])
    async def test_needs_no_body(self, ari: httpx2.AsyncClient, request_id: str, body: dict[str, Any]) -> None:
        answer = await ari.post(f"{HITL}/{request_id}/approve", **body)

        assert (answer.status_code, answer.json()["status"]) == (200, "approved")

    async def test_stays_open_until_the_quorum_is_there(
        self, world: World, ari: httpx2.AsyncClient, adam: httpx2.AsyncClient, execution: JsonObject
    ) -> None:
        request_id = await world.open_gate(execution, gate=make_gate(quorum=2))

        first = await ari.post(f"{HITL}/{request_id}/approve")
        again = await ari.post(f"{HITL}/{request_id}/approve")
        second = await adam.post(f"{HITL}/{request_id}/approve")

        assert (first.json()["status"], second.json()["status"]) == ("pending", "approved")
        assert (again.status_code, again.json()["code"]) == (409, "already_decided")

    async def test_the_initiator_may_not(self, world: World, ari: httpx2.AsyncClient) -> None:
        execution = await running(ari, await created(ari))
        request_id = await world.open_gate(execution)

        answer = await ari.post(f"{HITL}/{request_id}/approve")

        assert (answer.status_code, answer.json()["code"]) == (403, "own_request")

    async def test_a_lower_level_may_not(self, vera: httpx2.AsyncClient, request_id: str) -> None:
        answer = await vera.post(f"{HITL}/{request_id}/approve")

        assert (answer.status_code, answer.json()["code"]) == (403, "level_too_low")

    async def test_what_has_changed_since_it_was_seen_conflicts(self, ari: httpx2.AsyncClient, request_id: str) -> None:
        answer = await ari.post(f"{HITL}/{request_id}/approve", json={"digest": "0" * 64})

        assert (answer.status_code, answer.json()["code"]) == (409, "digest_mismatch")

    async def test_a_gate_has_no_arguments_to_edit(self, ari: httpx2.AsyncClient, request_id: str) -> None:
        answer = await ari.post(f"{HITL}/{request_id}/approve", json={"arguments": {"a": 1}})

        assert (answer.status_code, answer.json()["code"]) == (409, "not_editable")


class TestReject:
    async def test_settles_at_once(self, ari: httpx2.AsyncClient, request_id: str) -> None:
        answer = await ari.post(f"{HITL}/{request_id}/reject", json={"notes": "wrong page"})

        request = answer.json()
        assert (answer.status_code, request["status"], request["decision_notes"]) == (200, "rejected", "wrong page")
        assert [vote["decision"] for vote in request["decisions"]] == ["reject"]


@pytest.mark.parametrize("action", ["approve", "reject"])
class TestDecide:
    async def test_the_second_decision_loses(
        self, ari: httpx2.AsyncClient, adam: httpx2.AsyncClient, request_id: str, action: str
    ) -> None:
        await ari.post(f"{HITL}/{request_id}/reject")

        answer = await adam.post(f"{HITL}/{request_id}/{action}")

        assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")

    async def test_after_the_deadline_it_is_too_late(
        self, world: World, ari: httpx2.AsyncClient, request_id: str, action: str
    ) -> None:
        world.clock.advance(24 * 3_600)

        answer = await ari.post(f"{HITL}/{request_id}/{action}")

        assert (answer.status_code, answer.json()["code"]) == (409, "expired")

    async def test_a_missing_one(self, ari: httpx2.AsyncClient, action: str) -> None:
        assert (await ari.post(f"{HITL}/{MISSING}/{action}")).status_code == 404

    async def test_unknown_fields_are_refused(self, ari: httpx2.AsyncClient, request_id: str, action: str) -> None:
        answer = await ari.post(f"{HITL}/{request_id}/{action}", json={"note": "misspelt"})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/note"
