-- The owner cannot log in; app and relay own nothing, may do nothing to the server, and cannot become anybody else.
WITH ours AS (
    SELECT r.*, r.rolname = 'agf_owner' AS is_owner
    FROM pg_catalog.pg_roles r WHERE r.rolname IN ('agf_owner', 'agf_app', 'agf_relay')
),
schemas AS (
    SELECT DISTINCT n.oid, n.nspname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname LIKE 'agf\_%' AND c.relkind IN ('r', 'p')
)
SELECT format('role %s: does not exist', wanted) AS fault
FROM unnest(ARRAY['agf_owner', 'agf_app', 'agf_relay']) wanted
WHERE NOT EXISTS (SELECT FROM ours WHERE rolname = wanted)
UNION ALL
SELECT format('role %s: %s', rolname, attribute)
FROM ours, LATERAL (VALUES
    (rolsuper, 'superuser'), (rolbypassrls, 'bypasses row security'), (rolcreaterole, 'may create roles'),
    (rolcreatedb, 'may create databases'), (rolreplication, 'may replicate'),
    (is_owner AND rolcanlogin, 'may log in')
) AS attributes (has, attribute)
WHERE has
UNION ALL
SELECT format('role %s: is a member of %s', o.rolname, r.rolname)
FROM ours o JOIN pg_catalog.pg_roles r ON r.oid <> o.oid
WHERE NOT o.rolsuper AND pg_has_role(o.oid, r.oid, 'MEMBER')
  AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolname LIKE 'pg\_%' OR r.rolname LIKE 'agf\_%')
UNION ALL
SELECT format('role %s: owns %s', o.rolname, pg_describe_object(d.classid, d.objid, d.objsubid))
FROM ours o JOIN pg_catalog.pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = o.oid
WHERE d.deptype = 'o' AND NOT o.is_owner
  AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
UNION ALL
SELECT format('role %s: may create in schema %s', o.rolname, s.nspname)
FROM ours o CROSS JOIN schemas s
WHERE NOT o.is_owner AND has_schema_privilege(o.oid, s.oid, 'CREATE')
UNION ALL
SELECT format('role %s: a setting of the role or the database fixes app.current_tenant', coalesce(o.rolname, 'any'))
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN ours o ON o.oid = s.setrole
CROSS JOIN unnest(s.setconfig) AS setting
WHERE (s.setrole = 0 OR o.oid IS NOT NULL) AND setting LIKE 'app.current_tenant=%'
ORDER BY 1
