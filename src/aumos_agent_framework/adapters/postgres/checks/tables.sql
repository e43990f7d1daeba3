-- Every agf_ table has row security, enabled and forced, and a tenant column that is never null.
WITH tables AS (
    SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity,
           CASE c.relname WHEN 'agf_tenants' THEN 'id' ELSE 'tenant_id' END AS tenant_column
    FROM pg_catalog.pg_class c
    WHERE c.relname LIKE 'agf\_%' AND c.relkind IN ('r', 'p', 'f')
)
SELECT format('table %s: row security is not enabled', relname) AS fault
FROM tables WHERE NOT relrowsecurity
UNION ALL
SELECT format('table %s: row security is not forced on its owner', relname)
FROM tables WHERE NOT relforcerowsecurity
UNION ALL
SELECT format('table %s: no column %s of type uuid that is not null', relname, tenant_column)
FROM tables t
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = t.oid AND a.attname = t.tenant_column AND a.atttypid = 'uuid'::regtype
      AND a.attnotnull AND NOT a.attisdropped
)
UNION ALL
SELECT 'no agf_ table exists' WHERE NOT EXISTS (SELECT FROM tables)
ORDER BY 1
