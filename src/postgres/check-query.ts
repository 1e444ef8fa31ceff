/**
 * Everything that makes a database unsafe to share, as the login role sees it: one row for each problem, `subject` being
 * the name to show. `$1` is the hash of the body that `bulkhead.tenant()` must have.
 */
export const CHECK_QUERY = `
WITH RECURSIVE me AS (
  SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
),
-- Relations of which the role may read or write at least a column. Those of PostgreSQL have the numbers before 16384.
reachable AS (
  SELECT c.oid, c.relkind, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
    pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f', 't')
    THEN pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
      OR pg_catalog.has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER') END
),
closed AS (
  SELECT i.classoid, i.objoid FROM pg_catalog.pg_init_privs i
  WHERE i.objsubid = 0
    AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) a WHERE a.grantee = 0)
),
policies AS (
  SELECT p.*, t.name, pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS condition,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS new_rows
  FROM pg_catalog.pg_policy p JOIN reachable t ON t.oid = p.polrelid
  WHERE 0 = ANY (p.polroles) OR (SELECT oid FROM me) = ANY (p.polroles)
),
-- Policies of the one form: for all commands, and a text column of the table equals the tenant, asked once a statement.
guards AS (
  SELECT p.*, a.attnum FROM policies p
  JOIN pg_catalog.pg_attribute a ON a.attrelid = p.polrelid AND a.atttypid = 'pg_catalog.text'::pg_catalog.regtype
    AND p.condition = pg_catalog.format('(%I = ( SELECT bulkhead.tenant() AS tenant))', a.attname)
  JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation AND c.collisdeterministic
  WHERE p.polcmd = '*' AND (p.new_rows IS NULL OR p.new_rows = p.condition)
),
tables AS (
  SELECT t.*, (SELECT pg_catalog.min(g.attnum) FROM guards g WHERE g.polrelid = t.oid AND NOT g.polpermissive) AS tenant
  FROM reachable t WHERE t.relkind IN ('r', 'p')
),
-- Tables with their partitions and children, whose keys and triggers also hold for statements on the parent.
family AS (
  SELECT t.oid, t.name, a.attname AS tenant FROM tables t
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.tenant
  UNION
  SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), f.tenant
  FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
),
kin AS (
  SELECT f.oid, f.name, a.attnum AS tenant FROM family f
  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid AND a.attname = f.tenant
),
-- Functions with the rights of their owner that PostgreSQL calls without asking whether the caller may.
unasked AS (
  SELECT g.aggfnoid::pg_catalog.oid AS entry, f.support::pg_catalog.oid AS oid FROM pg_catalog.pg_aggregate g,
    LATERAL (VALUES (g.aggtransfn), (g.aggfinalfn), (g.aggcombinefn), (g.aggserialfn), (g.aggdeserialfn),
      (g.aggmtransfn), (g.aggminvtransfn), (g.aggmfinalfn)) AS f(support)
  UNION ALL SELECT NULL, amproc::pg_catalog.oid FROM pg_catalog.pg_amproc
  UNION ALL SELECT NULL, rngsubdiff::pg_catalog.oid FROM pg_catalog.pg_range
  UNION ALL SELECT NULL, rngcanonical::pg_catalog.oid FROM pg_catalog.pg_range
)
SELECT 'superuser' AS kind, rolname::text AS subject FROM me WHERE rolsuper
UNION ALL SELECT 'attribute', pg_catalog.format('%s of the role %I', attribute, rolname) FROM me,
  LATERAL (VALUES ('BYPASSRLS', rolbypassrls), ('CREATEDB', rolcreatedb), ('CREATEROLE', rolcreaterole),
    ('REPLICATION', rolreplication)) AS has(attribute, present) WHERE present
UNION ALL SELECT 'session', session_user::text WHERE session_user <> current_user
UNION ALL SELECT 'member', pg_catalog.pg_get_userbyid(m.roleid)::text FROM pg_catalog.pg_auth_members m, me WHERE m.member = me.oid
UNION ALL SELECT 'owner', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_catalog.pg_shdepend d, me
  WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = me.oid AND d.deptype = 'o'
    AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
UNION ALL SELECT 'right', pg_catalog.format('%s on the database', right_name)
  FROM (VALUES ('TEMPORARY'), ('CREATE')) AS rights(right_name)
  WHERE pg_catalog.has_database_privilege(pg_catalog.current_database(), right_name)
UNION ALL SELECT 'right', pg_catalog.format('CREATE on the schema %I', nspname) FROM pg_catalog.pg_namespace
  WHERE pg_catalog.has_schema_privilege(oid, 'CREATE')
UNION ALL SELECT 'right', pg_catalog.format('%s on %s', right_name, t.name)
  FROM reachable t, (VALUES ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) AS rights(right_name)
  WHERE pg_catalog.has_table_privilege(t.oid, right_name)
    OR right_name = 'REFERENCES' AND pg_catalog.has_any_column_privilege(t.oid, right_name)
UNION ALL SELECT 'right', pg_catalog.format('to grant what it has on %s', name) FROM reachable
  WHERE pg_catalog.has_table_privilege(oid,
    'SELECT WITH GRANT OPTION, INSERT WITH GRANT OPTION, UPDATE WITH GRANT OPTION, DELETE WITH GRANT OPTION')
UNION ALL SELECT 'right', pg_catalog.format('USAGE on the foreign server %I', srvname) FROM pg_catalog.pg_foreign_server
  WHERE pg_catalog.has_server_privilege(oid, 'USAGE')
UNION ALL SELECT 'right', pg_catalog.format('USAGE on the foreign-data wrapper %I', fdwname)
  FROM pg_catalog.pg_foreign_data_wrapper WHERE pg_catalog.has_foreign_data_wrapper_privilege(oid, 'USAGE')
UNION ALL SELECT 'right', pg_catalog.format('CREATE on the tablespace %I', spcname) FROM pg_catalog.pg_tablespace
  WHERE oid <> (SELECT dattablespace FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    AND pg_catalog.has_tablespace_privilege(oid, 'CREATE')
UNION ALL SELECT 'right', pg_catalog.format('SET on the parameter %s', parname) FROM pg_catalog.pg_parameter_acl
  WHERE pg_catalog.has_parameter_privilege(parname, 'SET, ALTER SYSTEM')
-- What PostgreSQL itself gives to nobody, such as statistics with values of rows, and functions that read files.
UNION ALL SELECT 'system', pg_catalog.format('pg_catalog.%I', c.relname)
  FROM pg_catalog.pg_class c JOIN closed o ON o.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objoid = c.oid
  WHERE c.relkind IN ('r', 'v') AND c.oid < 16384
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
      OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
        AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT, INSERT, UPDATE')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i
          WHERE i.classoid = o.classoid AND i.objoid = c.oid AND i.objsubid = a.attnum)))
UNION ALL SELECT 'system', p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc p JOIN closed o ON o.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND o.objoid = p.oid
  WHERE pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL SELECT 'activity', current_user::text WHERE pg_catalog.current_setting('track_activities') <> 'off'
UNION ALL SELECT 'policy', name FROM tables WHERE NOT relrowsecurity
UNION ALL SELECT 'forced', name FROM tables WHERE relrowsecurity AND NOT relforcerowsecurity
UNION ALL SELECT 'restrictive', name FROM tables WHERE relrowsecurity AND tenant IS NULL
UNION ALL SELECT 'permissive', pg_catalog.format('%I on %s', p.polname, p.name) FROM policies p
  WHERE p.polpermissive AND NOT EXISTS (SELECT FROM guards g WHERE g.oid = p.oid)
UNION ALL SELECT 'key', pg_catalog.format('%I of %s', c.relname, t.name)
  FROM kin t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  LEFT JOIN pg_catalog.pg_constraint x ON x.conindid = i.indexrelid AND x.contype = 'x'
  WHERE (i.indisunique OR i.indisexclusion) AND (i.indkey[0] <> t.tenant
    OR NOT EXISTS (SELECT FROM pg_catalog.pg_collation l WHERE l.oid = i.indcollation[0] AND l.collisdeterministic)
    OR (SELECT oprname FROM pg_catalog.pg_operator WHERE oid = x.conexclop[1]) <> '=')
UNION ALL SELECT 'key', pg_catalog.format('%I of %s', c.conname, t.name)
  FROM kin t JOIN pg_catalog.pg_constraint c ON c.conrelid = t.oid LEFT JOIN kin r ON r.oid = c.confrelid
  WHERE c.contype = 'f' AND (c.conkey[1] <> t.tenant OR c.confkey[1] <> r.tenant)
UNION ALL SELECT 'counter', pg_catalog.format('%I of %s', a.attname, t.name)
  FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  WHERE a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ 'nextval'
UNION ALL SELECT 'sequence', pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT, UPDATE') END
UNION ALL SELECT 'view', name FROM reachable
  WHERE relkind = 'v' AND NOT COALESCE(reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
UNION ALL SELECT 'unguarded', name FROM reachable WHERE relkind IN ('m', 'f', 't')
UNION ALL SELECT 'unguarded', pg_catalog.format('large object %s', l.oid)
  FROM pg_catalog.pg_largeobject_metadata l, LATERAL pg_catalog.aclexplode(l.lomacl) a, me WHERE a.grantee IN (0, me.oid)
UNION ALL SELECT 'rule', pg_catalog.format('%I on %s', r.rulename, t.name)
  FROM pg_catalog.pg_rewrite r JOIN reachable t ON t.oid = r.ev_class WHERE r.rulename <> '_RETURN'
UNION ALL SELECT 'trigger', pg_catalog.format('%I on %s', g.tgname, t.name)
  FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
  JOIN (SELECT oid, name FROM reachable UNION SELECT oid, name FROM family) t ON t.oid = g.tgrelid
  WHERE p.prosecdef
UNION ALL SELECT 'definer', p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p
  WHERE p.prosecdef AND p.oid IS DISTINCT FROM pg_catalog.to_regprocedure('bulkhead.tenant()')
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL SELECT 'definer', pg_catalog.concat_ws(' through ', p.oid::pg_catalog.regprocedure, u.entry::pg_catalog.regprocedure)
  FROM unasked u JOIN pg_catalog.pg_proc p ON p.oid = u.oid
  WHERE p.prosecdef AND (u.entry IS NULL OR pg_catalog.has_function_privilege(u.entry, 'EXECUTE'))
-- Those of PostgreSQL that have it were made by transaction 1.
UNION ALL SELECT 'leakproof', p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p
  WHERE p.proleakproof AND p.xmin::text NOT IN ('1', '2') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL SELECT DISTINCT 'extension', e.extname::text
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid AND d.deptype = 'e'
    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  WHERE e.extname IN ('aws_lambda', 'aws_s3', 'dblink', 'http', 'pg_background', 'pg_cron', 'pg_net', 'pg_stat_monitor',
      'pg_stat_statements', 'plproxy')
    AND CASE WHEN d.deptype = 'e' THEN pg_catalog.has_function_privilege(d.objid, 'EXECUTE') END
UNION ALL SELECT 'default', pg_catalog.format('%s of the role %I',
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' ELSE 'schemas' END, o.rolname)
  FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_roles o ON o.oid = d.defaclrole, me
  WHERE EXISTS (SELECT FROM pg_catalog.aclexplode(d.defaclacl) a WHERE a.grantee IN (0, me.oid)
    AND (d.defaclobjtype IN ('r', 'S') OR d.defaclobjtype = 'n' AND a.privilege_type = 'CREATE'))
UNION ALL SELECT 'setting', name FROM pg_catalog.pg_settings
  WHERE name = 'lo_compat_privileges' AND setting <> 'off' OR name = 'session_replication_role' AND setting <> 'origin'
UNION ALL SELECT 'language', p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL SELECT 'tenant', 'bulkhead.tenant()' WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
  WHERE p.oid = pg_catalog.to_regprocedure('bulkhead.tenant()') AND p.prosecdef AND p.provolatile = 's'
    AND o.rolname <> current_user AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
    AND pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') = $1)
LIMIT 100`;
