-- Views run as their owner unless they are security_invoker, materialized views hold rows of all tenants, functions that
-- are SECURITY DEFINER and rewrite rules act with their owner's rights.
WITH tables AS (
    SELECT c.oid, c.relname, c.relnamespace FROM pg_catalog.pg_class c
    WHERE c.relname LIKE 'agf\_%' AND c.relkind IN ('r', 'p', 'f')
),
views AS (
    SELECT DISTINCT v.oid, v.relname, v.relkind, v.reloptions
    FROM pg_catalog.pg_class v
    LEFT JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE v.relkind IN ('v', 'm') AND (v.relname LIKE 'agf\_%' OR d.refobjid IN (SELECT oid FROM tables))
)
SELECT format('view %s: not security_invoker', relname) AS fault
FROM views
WHERE relkind = 'v' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_options_to_table(reloptions) o
    WHERE o.option_name = 'security_invoker' AND lower(o.option_value) IN ('true', 'on', 'yes', '1')
)
UNION ALL
SELECT format('materialized view %s: row security does not apply to it', relname) FROM views WHERE relkind = 'm'
UNION ALL
SELECT format('function %s: SECURITY DEFINER', f.oid::regprocedure)
FROM pg_catalog.pg_proc f
WHERE f.prosecdef
  AND (f.pronamespace IN (SELECT relnamespace FROM tables)
       OR f.proname LIKE 'agf\_%'
       OR pg_get_userbyid(f.proowner) IN ('agf_owner', 'agf_app', 'agf_relay'))
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
  )
UNION ALL
SELECT format('table %s: rewrite rule %s', t.relname, r.rulename)
FROM tables t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid
ORDER BY 1
