-- One policy per table, for everybody and every command, with exactly this text in USING and WITH CHECK; the outbox has
-- a second one for the relay. PostgreSQL joins permissive policies with OR: any other policy widens what is seen.
WITH tables AS (
    SELECT c.oid, c.relname,
           format(
               '(%s = ( SELECT (NULLIF(current_setting(''app.current_tenant''::text, true), ''''::text))::uuid AS "nullif"))',
               CASE c.relname WHEN 'agf_tenants' THEN 'id' ELSE 'tenant_id' END
           ) AS expected
    FROM pg_catalog.pg_class c
    WHERE c.relname LIKE 'agf\_%' AND c.relkind IN ('r', 'p', 'f')
),
policies AS (
    SELECT p.polrelid, p.polname, p.polcmd = '*' AND p.polpermissive AS whole,
           p.polroles = '{0}' AS for_all,
           p.polroles = ARRAY(SELECT oid FROM pg_catalog.pg_roles WHERE rolname = 'agf_relay') AS for_relay,
           pg_get_expr(p.polqual, p.polrelid) AS uses,
           pg_get_expr(p.polwithcheck, p.polrelid) AS checks
    FROM pg_catalog.pg_policy p
),
judged AS (
    SELECT t.relname, p.polname,
           p.whole AND p.for_all AND p.uses = t.expected AND p.checks IS NOT DISTINCT FROM t.expected AS is_tenants,
           p.whole AND p.for_relay AND p.uses = 'true' AND p.checks IS NULL AND t.relname = 'agf_outbox' AS is_relays
    FROM tables t JOIN policies p ON p.polrelid = t.oid
)
SELECT format('table %s: policy %s is not the tenant''s policy', relname, polname) AS fault
FROM judged WHERE NOT coalesce(is_tenants, false) AND NOT coalesce(is_relays, false)
UNION ALL
SELECT format('table %s: no tenant''s policy', relname)
FROM tables t WHERE NOT EXISTS (SELECT FROM judged j WHERE j.relname = t.relname AND j.is_tenants)
UNION ALL
SELECT format('table %s: more policies than one for the tenant and one for the relay', relname)
FROM judged GROUP BY relname HAVING count(*) FILTER (WHERE is_tenants) > 1 OR count(*) FILTER (WHERE is_relays) > 1
ORDER BY 1
