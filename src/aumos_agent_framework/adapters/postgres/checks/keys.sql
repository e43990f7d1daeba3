-- Primary keys, unique indexes and foreign keys begin with the tenant, on both sides: a global unique constraint tells
-- that another tenant's row exists, and a foreign key checks without regard to row security.
WITH tables AS (
    SELECT c.oid, c.relname, a.attnum AS tenant
    FROM pg_catalog.pg_class c
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        AND a.attname = CASE c.relname WHEN 'agf_tenants' THEN 'id' ELSE 'tenant_id' END
    WHERE c.relname LIKE 'agf\_%' AND c.relkind IN ('r', 'p')
)
SELECT format('table %s: no primary key', t.relname) AS fault
FROM tables t
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
UNION ALL
SELECT format('table %s: unique index %s does not begin with the tenant', t.relname, i.indexrelid::regclass)
FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] IS DISTINCT FROM t.tenant
UNION ALL
SELECT format('table %s: foreign key %s does not begin with the tenant on both sides', t.relname, f.conname)
FROM tables t
JOIN pg_catalog.pg_constraint f ON f.conrelid = t.oid AND f.contype = 'f'
LEFT JOIN tables parent ON parent.oid = f.confrelid
WHERE f.conkey[1] IS DISTINCT FROM t.tenant OR f.confkey[1] IS DISTINCT FROM parent.tenant
UNION ALL
SELECT format('table %s: foreign key %s of %s refers to it from outside', t.relname, f.conname, f.conrelid::regclass)
FROM tables t
JOIN pg_catalog.pg_constraint f ON f.confrelid = t.oid AND f.contype = 'f'
WHERE NOT EXISTS (SELECT FROM tables child WHERE child.oid = f.conrelid)
ORDER BY 1
