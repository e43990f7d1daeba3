"""The steps of a run together with what people decided at them."""

from collections.abc import Sequence
from uuid import UUID

from aumos_agent_framework.api.v1.schemas.base import PageAnswer
from aumos_agent_framework.api.v1.schemas.executions import StepAnswer
from aumos_agent_framework.api.v1.schemas.hitl import DecisionAnswer
from aumos_agent_framework.core.domain.executions import StepRecord
from aumos_agent_framework.core.domain.hitl import Decision, HitlFilter
from aumos_agent_framework.core.domain.identity import Caller
from aumos_agent_framework.core.domain.paging import MAX_PAGE_SIZE, PageRequest
from aumos_agent_framework.core.services.hitl import HitlService
from aumos_agent_framework.core.types import ExecutionId

Decisions = dict[UUID, tuple[Decision, ...]]


def page_of_steps(steps: Sequence[StepRecord], page: PageRequest, decisions: Decisions) -> PageAnswer[StepAnswer]:
    """Build the answer: one page of a run's steps."""
    shown = steps[page.offset : page.offset + page.size]
    items = [_answer(step, decisions) for step in shown]
    return PageAnswer[StepAnswer](items=items, total=len(steps), page=page.number, page_size=page.size)


async def decisions_of(execution_id: ExecutionId, hitl: HitlService, caller: Caller) -> Decisions:
    """Read what people decided in a run, by request."""
    where = HitlFilter(status=None, execution_id=execution_id)
    page = PageRequest(size=MAX_PAGE_SIZE)
    decisions: Decisions = {}
    while True:
        requests = await hitl.list(caller, page, where, mine=False)
        decisions |= {request.id: request.decisions for request in requests.items}
        if page.offset + len(requests.items) >= requests.total or not requests.items:
            return decisions
        page = PageRequest(number=page.number + 1, size=MAX_PAGE_SIZE)


def _answer(step: StepRecord, decisions: Decisions) -> StepAnswer:
    taken = [decision for request_id in step.hitl_request_ids for decision in decisions.get(request_id, ())]
    answer = StepAnswer.model_validate(step)
    return answer.model_copy(update={"decisions": [DecisionAnswer.model_validate(decision) for decision in taken]})
