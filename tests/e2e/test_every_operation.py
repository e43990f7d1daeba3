"""Runs last: has every published operation been called, and has it answered with every status that it documents?

A new operation, or a new refusal of an old one, fails here until some test of this folder brings it about. Run without
those, this fails: it tells what they have called.
"""

from tests.e2e.client import Service

NOT_HERE = frozenset({500, 503})
"""Faults of the service and of what it depends on: tests/chaos kills things, tests/unit/api looks at the answers."""
RACES = frozenset(
    {
        ("agents_resume", 409),
        ("agents_set_tools", 409),
        ("agents_suspend", 409),
        ("tools_update", 409),
    }
)
"""Several writers at once were faster, again and again; tests/unit/services/test_optimistic.py brings it about."""


def test_every_operation_was_called_and_gave_each_of_its_answers(service: Service) -> None:
    documented = {
        (operation.id, status) for operation in service.contract.operations for status in operation.statuses - NOT_HERE
    }
    seen = {(operation_id, status) for operation_id, statuses in service.contract.seen.items() for status in statuses}
    assert documented - seen - RACES == set()


def test_what_is_left_out_exists(service: Service) -> None:
    assert {
        (operation.id, status) for operation in service.contract.operations for status in operation.statuses
    } >= RACES
