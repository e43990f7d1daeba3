"""Row security as statements, for migrations."""

from aumos_agent_framework.adapters.postgres.engine import TENANT_SETTING


def protect(table: str, tenant_column: str = "tenant_id") -> tuple[str, ...]:
    """Return the statements that hide a table's rows from all tenants but the transaction's own.

    The sub-select is evaluated once per statement and not per row. After a transaction the setting reads as empty, not
    as null, hence ``nullif``. Forced: the owner is bound too.
    """
    is_own = f"{tenant_column} = (SELECT nullif(current_setting('{TENANT_SETTING}', true), '')::uuid)"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant_isolation ON {table} USING ({is_own}) WITH CHECK ({is_own})",
    )
