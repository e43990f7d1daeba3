-- Nobody but the app and the relay has rights on our tables; the app no more than rows, never TRUNCATE (which ignores
-- row security), never the tenant column; the relay the outbox only.
WITH tables AS (
    SELECT c.oid, c.relname, c.relnamespace, c.relowner, c.relacl,
           CASE c.relname WHEN 'agf_tenants' THEN 'id' ELSE 'tenant_id' END AS tenant_column
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND (c.relname LIKE 'agf\_%' OR pg_get_userbyid(c.relowner) = 'agf_owner')
),
grants AS (
    SELECT t.oid, t.relname, g.grantee, g.privilege_type AS privilege, g.is_grantable
    FROM tables t, aclexplode(t.relacl) g
    WHERE g.grantee <> t.relowner
    UNION ALL
    SELECT t.oid, t.relname, g.grantee, g.privilege_type, g.is_grantable
    FROM tables t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attacl IS NOT NULL,
    aclexplode(a.attacl) g
    WHERE g.grantee <> t.relowner
),
named AS (
    SELECT g.*, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END AS role FROM grants g
),
users AS (
    SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname IN ('agf_app', 'agf_relay') AND NOT rolsuper
)
SELECT DISTINCT format('table %s: %s is granted to %s', relname, privilege, role) AS fault
FROM named
WHERE role = 'PUBLIC'
   OR is_grantable
   OR (role = 'agf_app' AND (relname NOT LIKE 'agf\_%' OR privilege NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')))
   OR (role = 'agf_relay' AND (relname <> 'agf_outbox' OR privilege NOT IN ('SELECT', 'UPDATE', 'DELETE')))
UNION ALL
-- The same through roles that they are members of.
SELECT format('table %s: %s may %s', t.relname, u.rolname, p)
FROM tables t CROSS JOIN users u CROSS JOIN unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) p
WHERE has_table_privilege(u.oid, t.oid, p)
UNION ALL
SELECT format('table %s: agf_relay may %s', t.relname, p)
FROM tables t CROSS JOIN users u CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p
WHERE u.rolname = 'agf_relay' AND (t.relname <> 'agf_outbox' OR p = 'INSERT')
  AND has_any_column_privilege(u.oid, t.oid, p)
UNION ALL
SELECT format('table %s: agf_app may change the tenant of a row', t.relname)
FROM tables t
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = t.tenant_column
CROSS JOIN users u
WHERE u.rolname = 'agf_app' AND has_column_privilege(u.oid, t.oid, a.attnum, 'UPDATE')
UNION ALL
SELECT format(
    'default privileges of %s: %s on new %s is granted to %s', pg_get_userbyid(d.defaclrole), g.privilege_type,
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' ELSE 'sequences' END,
    CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END
)
FROM pg_catalog.pg_default_acl d, aclexplode(d.defaclacl) g
WHERE d.defaclobjtype IN ('r', 'S')
  AND (pg_get_userbyid(d.defaclrole) = 'agf_owner' OR d.defaclnamespace IN (SELECT relnamespace FROM tables))
  AND (g.grantee = 0 OR pg_get_userbyid(g.grantee) IN ('agf_app', 'agf_relay'))
ORDER BY 1
