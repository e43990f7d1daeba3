"""Reading lists page by page."""

import itertools
from typing import Any

from tests.e2e.client import Person

PAGE_SIZE = 3


def walk(person: Person, path: str, **params: Any) -> list[dict[str, Any]]:
    """Read a list page by page."""
    items: list[dict[str, Any]] = []
    for page in itertools.count(1):
        answer = person.get(path, page=page, page_size=PAGE_SIZE, **params)
        assert (answer["page"], answer["page_size"]) == (page, PAGE_SIZE)
        items += answer["items"]
        if len(answer["items"]) < PAGE_SIZE:
            break
    assert len(items) == answer["total"]
    return items
