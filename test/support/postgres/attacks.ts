import type { Random } from '../fuzz/random.ts';

/** What an attacker may know of the tenant that is attacked, which is all but its rows' texts, and more than it can know. */
export interface Target {
  readonly tenant: string;
  /** Ids of the target's rows. */
  readonly ids: readonly string[];
  /** How the target's texts begin. */
  readonly prefix: string;
  /** Claims that were valid in other transactions: the target's own, and the attacker's. */
  readonly claims: readonly string[];
}

/** Where an argument is pasted. */
const PLACES = ['text', 'condition', 'value', 'statement'] as const;
export type Place = (typeof PLACES)[number];

/** Generates SQL by which one tenant tries to read, change or learn of the rows of another. */
export class Attacks {
  readonly #random: Random;
  readonly #target: Target;

  constructor(random: Random, target: Target) {
    this.#random = random;
    this.#target = target;
  }

  #pick<T>(...choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  #lazy(...choices: readonly (() => string)[]): string {
    return this.#random.pick(choices)();
  }

  /** The name of the target as an expression, in any encoding that PostgreSQL has. */
  #name(): string {
    const { tenant } = this.#target;
    const codes = [...tenant].map((char) => char.charCodeAt(0));
    const hex = codes.map((code) => code.toString(16).padStart(2, '0'));
    return this.#pick(
      `'${tenant}'`,
      `'${tenant.toUpperCase()}'`,
      `'${tenant} '`,
      `$$${tenant}$$`,
      `$x$${tenant}$x$`,
      `E'${hex.map((pair) => `\\x${pair}`).join('')}'`,
      `U&'${hex.map((pair) => `\\00${pair}`).join('')}'`,
      codes.map((code) => `chr(${code})`).join('||'),
      `convert_from('\\x${hex.join('')}'::bytea, 'UTF8')`,
      `reverse('${[...tenant].reverse().join('')}')`,
      `lower('${tenant.toUpperCase()}')`,
      `'${tenant}'::varchar`,
      `'${tenant}' COLLATE "C"`,
      `'glob%'`,
      `NULL`,
    );
  }

  #id(): string {
    return `'${this.#random.pick(this.#target.ids)}'`;
  }

  #claim(): string {
    const { tenant, claims } = this.#target;
    const [kid = '', signature = ''] = this.#random.pick(claims).split(':');
    return this.#pick(
      this.#random.pick(claims),
      `${kid}:${signature}:${tenant}`,
      `${kid}:${this.#random.hex(64)}:${tenant}`,
      `${kid}::${tenant}`,
      `:${signature}:${tenant}`,
      `none:${signature}:${tenant}`,
      `${kid}:${signature}:${tenant}:${tenant}`,
      `{${kid},${signature},${tenant}}`,
      tenant,
      '',
      `' OR true --`,
    ).replaceAll("'", "''");
  }

  /** A condition on rows that are not the attacker's. */
  condition(): string {
    const { prefix } = this.#target;
    return this.#pick(
      `tenant_id = ${this.#name()}`,
      `tenant_id LIKE ${this.#name()}`,
      `tenant_id <> bulkhead.tenant()`,
      `tenant_id || '' = ${this.#name()}`,
      `id = ${this.#id()}`,
      `id::text LIKE '${this.#random.hex(1)}%'`,
      `subject LIKE '${prefix}${this.#random.hex(this.#random.below(3))}%'`,
      `subject ~ '^${prefix}'`,
      `subject > '${prefix}'`,
      `to_tsvector('simple', subject) @@ to_tsquery('simple', '${prefix}:*')`,
      `1 / (CASE WHEN subject LIKE '${prefix}%' THEN 0 ELSE 1 END) = 1`,
      `CASE WHEN tenant_id = ${this.#name()} THEN subject::int = 1 ELSE true END`,
      `subject::int > 0 OR tenant_id <> 'acme'`,
      `length(repeat(subject, CASE WHEN tenant_id = 'acme' THEN 1 ELSE 1000000000 END)) > 0`,
      `tenant_id IN (SELECT tenant_id FROM tickets)`,
      `EXISTS (SELECT FROM tickets other WHERE other.tenant_id = ${this.#name()})`,
      `(SELECT count(*) FROM tickets) > ${this.#random.below(30)}`,
      `set_config('bulkhead.claim', '${this.#claim()}', ${this.#pick('true', 'false')}) IS NOT NULL`,
      `set_config('row_security', 'off', true) = 'off'`,
      'true',
      `tenant_id = bulkhead.tenant() OR true`,
      `(tenant_id, id) IN (SELECT ${this.#name()}, ${this.#id()}::uuid)`,
      `(tickets).tenant_id = ${this.#name()}`,
    );
  }

  /** A value that could contain something of the target. */
  value(): string {
    return this.#pick(
      'subject',
      'tenant_id',
      'tickets::text',
      `(SELECT string_agg(subject, ',') FROM tickets WHERE ${this.condition()})`,
      `(SELECT count(*)::text FROM tickets WHERE ${this.condition()})`,
      `(SELECT max(subject) FROM tickets)`,
      `(SELECT json_agg(t)::text FROM tickets t)`,
      `query_to_xml('SELECT * FROM tickets WHERE ${this.condition().replaceAll("'", "''")}', true, false, '')::text`,
      `table_to_xml('tickets', true, false, '')::text`,
      `schema_to_xml('public', true, false, '')::text`,
      `query_to_xml('EXPLAIN ANALYZE SELECT * FROM tickets', true, false, '')::text`,
      `(SELECT string_agg(word, ',') FROM ts_stat('SELECT to_tsvector(''simple'', subject) FROM tickets'))`,
      `set_config('bulkhead.claim', '${this.#claim()}', true)`,
      `set_config('role', '${this.#pick('postgres', 'bulkhead_owner', 'shop_owner')}', true)`,
      `set_config('session_authorization', 'postgres', true)`,
      `set_config('search_path', 'pg_temp, bulkhead, public', true)`,
      `set_config('${this.#pick('session_replication_role', 'track_activities', 'statement_timeout')}', '0', false)`,
      `bulkhead.tenant()`,
      `bulkhead.add_key('mine')`,
      `(SELECT string_agg(encode(inner_block, 'hex'), ',') FROM bulkhead.signing_keys)`,
      `(SELECT string_agg(most_common_vals::text || histogram_bounds::text, ',') FROM pg_stats WHERE tablename = 'tickets')`,
      `(SELECT string_agg(stavalues1::text, ',') FROM pg_statistic)`,
      `(SELECT string_agg(query, ',') FROM pg_stat_activity WHERE query LIKE '%tickets%')`,
      `(SELECT string_agg(statement, ',') FROM pg_prepared_statements)`,
      `(SELECT string_agg(statement, ',') FROM pg_cursors)`,
      `pg_read_file('${this.#pick('PG_VERSION', 'postgresql.conf')}')`,
      `pg_ls_dir('base')`,
      `lo_import('/etc/passwd')::text`,
      `lo_get(${this.#random.below(99999)})::text`,
      `pg_terminate_backend(pid)::text FROM pg_stat_activity`,
      `pg_try_advisory_lock(1)::text`,
      `pg_notify('x', (SELECT string_agg(subject, ',') FROM tickets))::text`,
      `pg_export_snapshot()`,
      `currtid2('tickets', '(0,${this.#random.below(40)})')::text`,
      `dblink('dbname=shop', 'SELECT subject FROM tickets')::text`,
    );
  }

  /** One statement that reads or writes rows. */
  rows(): string {
    return this.#vary(
      this.#lazy(
        () => `SELECT ${this.value()} FROM tickets WHERE ${this.condition()}`,
        () => `SELECT ${this.value()}`,
        () => `SELECT * FROM tickets WHERE ${this.condition()}`,
        () => `SELECT count(*), min(subject), ${this.value()} FROM tickets WHERE ${this.condition()}`,
        () =>
          `SELECT a.subject FROM tickets a FULL JOIN tickets b ON a.id <> b.id WHERE b.tenant_id = ${this.#name()}`,
        () => `SELECT subject FROM tickets TABLESAMPLE SYSTEM (100) WHERE ${this.condition()}`,
        () => `SELECT subject FROM ONLY tickets WHERE ${this.condition()} FOR UPDATE`,
        () =>
          `WITH t AS MATERIALIZED (SELECT set_config('bulkhead.claim', '${this.#claim()}', true)) SELECT tickets.* FROM t, tickets`,
        () =>
          `SELECT t.* FROM tickets t, LATERAL (SELECT ${this.value()} FROM tickets WHERE t.tenant_id = ${this.#name()}) AS x`,
        () => 'TABLE tickets',
        () => `INSERT INTO tickets (tenant_id, subject) VALUES (${this.#name()}, 'x') RETURNING subject`,
        () =>
          `INSERT INTO tickets (id, subject) VALUES (${this.#id()}, 'x') ON CONFLICT (tenant_id, id) DO UPDATE SET subject = tickets.subject RETURNING subject`,
        () =>
          `INSERT INTO tickets (subject) SELECT subject FROM tickets WHERE ${this.condition()} RETURNING subject`,
        () =>
          `UPDATE tickets SET subject = 'x' WHERE ${this.condition()} RETURNING ${this.#pick('subject', 'id')}`,
        () => `UPDATE tickets SET tenant_id = ${this.#name()} WHERE ${this.condition()}`,
        () =>
          `DELETE FROM tickets USING tickets other WHERE other.tenant_id = ${this.#name()} AND tickets.tenant_id <> 'acme'`,
        () =>
          `WITH gone AS (DELETE FROM tickets WHERE tenant_id = ${this.#name()} RETURNING *) SELECT * FROM gone`,
        () =>
          `MERGE INTO tickets t USING (SELECT ${this.#id()}::uuid AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE`,
      ),
    );
  }

  /** One statement of any kind: also those that a tool cannot send. */
  any(): string {
    const row = this.rows();
    const quoted = row.replaceAll("'", "''");
    return this.#vary(
      this.#pick(
        row,
        row,
        'COMMIT',
        'ROLLBACK',
        'COMMIT AND CHAIN',
        'ROLLBACK AND CHAIN',
        'BEGIN',
        'START TRANSACTION READ WRITE',
        "PREPARE TRANSACTION 'x'",
        'SAVEPOINT s',
        'ROLLBACK TO s',
        `SET ${this.#pick('ROLE', 'SESSION AUTHORIZATION')} ${this.#pick('postgres', 'shop_owner', 'bulkhead_owner', 'NONE')}`,
        `SET ${this.#pick('LOCAL', 'SESSION')} bulkhead.claim = '${this.#claim()}'`,
        `SET ${this.#pick('row_security = off', "search_path = ''", 'session_replication_role = replica', 'client_encoding = SQL_ASCII')}`,
        `SET ${this.#pick('standard_conforming_strings = off', 'plpgsql.extra_errors = all', 'debug_print_plan = on', 'client_min_messages = debug5')}`,
        'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
        'SET CONSTRAINTS ALL DEFERRED',
        `RESET ${this.#pick('ALL', 'ROLE', 'bulkhead.claim', 'SESSION AUTHORIZATION')}`,
        `DISCARD ${this.#pick('ALL', 'PLANS', 'TEMP', 'SEQUENCES')}`,
        `EXPLAIN (ANALYZE, VERBOSE) ${row}`,
        `PREPARE p AS ${row}`,
        'EXECUTE p',
        `DECLARE c CURSOR WITH HOLD FOR ${row}`,
        'FETCH ALL FROM c',
        `DO $d$ BEGIN ${this.#pick('COMMIT', 'ROLLBACK', `EXECUTE '${quoted}'`, `PERFORM ${this.value()}`)}; END $d$`,
        `DO $d$ DECLARE r text; BEGIN FOR r IN SELECT subject FROM tickets LOOP RAISE NOTICE '%', r; END LOOP; END $d$`,
        `COPY ${this.#pick('tickets', `(${row})`)} TO ${this.#pick('STDOUT', "PROGRAM 'id'", "'/tmp/x'")}`,
        `COPY tickets FROM ${this.#pick('STDIN', "PROGRAM 'id'", "'/etc/passwd'")}`,
        `CREATE ${this.#pick('TABLE', 'TEMP TABLE', 'VIEW', 'MATERIALIZED VIEW')} mine AS SELECT * FROM tickets`,
        `CREATE ${this.#pick('', 'OR REPLACE ')}FUNCTION ${this.#pick('public', 'bulkhead', 'pg_temp')}.tenant() RETURNS text LANGUAGE sql AS $f$ SELECT ${this.#name()} $f$`,
        `CREATE POLICY mine ON tickets USING (true)`,
        `ALTER TABLE tickets ${this.#pick('DISABLE ROW LEVEL SECURITY', 'NO FORCE ROW LEVEL SECURITY', 'OWNER TO bulkhead_tools')}`,
        `ALTER ROLE bulkhead_tools ${this.#pick('BYPASSRLS', 'SUPERUSER', 'SET track_activities = on', 'SET row_security = off')}`,
        `DROP ${this.#pick('POLICY tenant_only ON tickets', 'TABLE tickets', 'FUNCTION bulkhead.tenant()', 'SCHEMA bulkhead CASCADE')}`,
        `GRANT ${this.#pick('ALL ON tickets', 'postgres', 'pg_read_all_data')} TO bulkhead_tools`,
        'TRUNCATE tickets',
        `LOCK TABLE tickets IN ${this.#pick('ACCESS SHARE', 'ROW EXCLUSIVE')} MODE NOWAIT`,
        `${this.#pick('ANALYZE', 'VACUUM', 'REINDEX TABLE', 'CLUSTER')} tickets`,
        `${this.#pick('LISTEN', 'UNLISTEN')} x`,
        `CALL pg_catalog.${this.#pick('pg_reload_conf', 'tenant')}()`,
        "LOAD 'auto_explain'",
        'CREATE EXTENSION dblink',
        `SELECT pg_sleep(${this.#pick('0', '0.02')})`,
        '',
        ';',
        '\u0000',
      ),
    );
  }

  /** What a caller sends to a tool that pastes it where such a thing stands. */
  argument(place: Place): string {
    const text = this.#random.chance(0.8) ? this.#fitting(place) : this.#fitting(this.#pick(...PLACES));
    return this.#random.chance(0.05) ? this.#encoded(text) : text;
  }

  #fitting(place: Place): string {
    if (place === 'condition') return this.condition();
    if (place === 'value') return this.value();
    if (place === 'statement') return this.#random.chance(0.8) ? this.rows() : this.any();
    return this.#lazy(
      () => `${this.#quote()} OR ${this.condition()} --`,
      () =>
        `${this.#quote()} UNION SELECT '00000000-0000-4000-8000-000000000000'::uuid, ${this.value()} FROM tickets WHERE ${this.condition()} --`,
      () => `${this.#quote()} UNION ALL ${this.rows()} --`,
      () => `${this.#quote()}; ${this.any()}; --`,
      () => `${this.#quote()} || ${this.value()} || '`,
      () => `x${this.#quote()} AND ${this.condition()} AND '1'='1`,
    );
  }

  #quote(): string {
    return this.#pick(
      "'",
      "'",
      "'",
      "x'",
      "''",
      "\\'",
      '"',
      '%27',
      'ʼ',
      '＇',
      "\u0000'",
      "\uD800'",
      '$$',
      "'/**/",
    );
  }

  /** The same in an encoding that something on the way might undo. */
  #encoded(text: string): string {
    return this.#pick(
      encodeURIComponent(text.toWellFormed()),
      text.normalize('NFKC'),
      [...text].join('\u200b'),
      `\ufeff${text}`,
    );
  }

  /** The same statement in another writing. */
  #vary(text: string): string {
    if (this.#random.chance(0.7)) return text;
    return this.#pick(
      `/* ${this.#target.tenant} */ ${text}`,
      text.replaceAll(' ', '/**/ '),
      text.replaceAll(' ', '\n'),
      text.replaceAll('SELECT', 'sElEcT'),
      `${text} -- x`,
      // What is a comment to who ends it at the line feed alone.
      `--\r${text} --\nSELECT 1`,
      `${text};`,
      text.startsWith('SELECT') ? `SELECT * FROM (${text}) AS wrapped` : text,
      text.startsWith('SELECT') ? `WITH w AS (${text}) SELECT * FROM w` : text,
    );
  }
}
