"""The catalog guard: finds whatever in a database would let one tenant reach another's rows.

Each check is one query over ``pg_catalog`` that returns sentences. They judge every table whose name begins with
``agf_``, whoever made it, so that a table added later is judged without being listed here. A table is a tenant's by
its column ``tenant_id``; ``agf_tenants`` by its ``id``.
"""

from importlib.resources import files
from typing import Any

CHECKS = ("tables", "keys", "policies", "code", "roles", "grants")


async def find_faults(connection: Any) -> list[str]:
    """Return every fault as a sentence that names the object; nothing where isolation holds.

    ``connection`` is a connection of the driver (any role: catalogs are public).
    """
    checks = files(__package__) / "checks"
    faults: list[str] = []
    for name in CHECKS:
        query = (checks / f"{name}.sql").read_text(encoding="utf-8")
        faults += [row["fault"] for row in await connection.fetch(query)]
    return faults
