import { CHECK_QUERY } from './check-query.ts';
import { DatabaseFault, toolFault } from './faults.ts';
import { Link } from './link.ts';

/** SHA-256 of the body of `bulkhead.tenant()` in docs/postgres/install.sql. */
export const TENANT_FUNCTION = '566923a9ceaca0256cd0d0599f790f445c382ce9f46ecdac2695a68f2d534318';
/** How long a database that was found safe is believed to be, in milliseconds. */
const BELIEVED_MS = 60_000;
/** Databases of a deployment are few; this only bounds what an isolate remembers. */
const MAX_REMEMBERED = 64;

const LEAST_VERSION = 150_000;
const OLD =
  'PostgreSQL is older than version 15, whose views cannot run with the rights of the caller. Upgrade it.';

/** For each kind of problem, what to say of its subject. */
const PROBLEMS: Readonly<Record<string, (subject: string) => string>> = {
  superuser: (role) => `The role ${role} is a superuser. Log in as bulkhead_tools.`,
  attribute: (what) => `The login has the attribute ${what}. Remove it with ALTER ROLE.`,
  session: (role) => `The session acts as another role than it logged in as (${role}). Remove SET ROLE.`,
  member: (role) => `The login is a member of the role ${role}. Revoke the membership.`,
  owner: (what) => `The login owns ${what}. Give it to another role.`,
  right: (what) => `The login has the right ${what}. Revoke it, from PUBLIC if need be.`,
  system: (name) => `The login may use ${name}, which PostgreSQL gives to nobody. Revoke it.`,
  activity: (role) =>
    `The statements of ${role} are shown in pg_stat_activity. Turn track_activities off for the role.`,
  policy: (table) => `The table ${table} has no row-level security. Enable and force it, with both policies.`,
  forced: (table) => `The row-level security of ${table} is not forced. Use FORCE ROW LEVEL SECURITY.`,
  restrictive: (table) =>
    `The table ${table} has no restrictive policy for all commands that compares a text column, under a deterministic collation, with (SELECT bulkhead.tenant()). Create it.`,
  permissive: (policy) =>
    `The permissive policy ${policy} is of another form. Let it compare with the tenant, for all commands, or drop it.`,
  key: (key) =>
    `The key ${key} does not begin with the column of the tenant, compared for equality. Let it begin with it, on both sides of a foreign key.`,
  counter: (column) =>
    `The column ${column} counts, so it tells how many rows others have. Use gen_random_uuid().`,
  sequence: (name) => `The login may use the sequence ${name}, which tells of others. Revoke it.`,
  view: (view) => `The view ${view} runs with the rights of its owner. Set security_invoker, or revoke it.`,
  unguarded: (name) =>
    `The login may use ${name}, a materialized view, foreign table, TOAST table or large object, which can have no policy. Revoke it.`,
  rule: (rule) => `The rule ${rule} runs with the rights of the table's owner. Drop it.`,
  trigger: (trigger) =>
    `The trigger ${trigger} runs a SECURITY DEFINER function. Make that SECURITY INVOKER, or drop the trigger.`,
  definer: (name) =>
    `The login may call the SECURITY DEFINER function ${name}. Revoke EXECUTE, from PUBLIC as well.`,
  leakproof: (name) =>
    `The function ${name} was made LEAKPROOF, so PostgreSQL may call it with rows that the policies hide. Make it NOT LEAKPROOF.`,
  extension: (name) =>
    `The login may call functions of the extension ${name}, which act outside the transaction or show the statements of others. Revoke EXECUTE on them from PUBLIC, or drop the extension.`,
  default: (what) =>
    `Default privileges open new ${what} to the login. Remove them with ALTER DEFAULT PRIVILEGES.`,
  setting: (name) => `The login runs with another ${name} than PostgreSQL has by default. Reset it.`,
  language: (name) => `The login may call ${name}, which is in an untrusted language. Revoke EXECUTE.`,
  tenant: (name) => `The function ${name} is not the one of docs/postgres/install.sql. Install that one.`,
};

/**
 * Looks for everything that would let one tenant reach another: rights of the login, and tables, views and functions
 * that the policies do not cover.
 * @returns a sentence for each problem, at most 100; none if the database is safe to share
 */
export async function checkDatabase(link: Link): Promise<readonly string[]> {
  const version = await link.runScript(
    "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version",
  );
  if (!(Number(version?.version) >= LEAST_VERSION)) return [OLD];
  const [, , problems = []] = await link.run([
    constant('BEGIN READ ONLY'),
    // Names are printed with their schemas, so that none is taken for another.
    constant("SELECT pg_catalog.set_config('search_path', '', true)"),
    { text: CHECK_QUERY, values: [TENANT_FUNCTION] },
    constant('ROLLBACK'),
  ]);
  return problems.map(
    ({ kind, subject }) => PROBLEMS[String(kind)]?.(String(subject)) ?? `${kind}: ${subject}`,
  );
}

/**
 * Connects to a database and checks it, for the operator.
 * @returns what `checkDatabase` returns
 * @throws ToolError `unavailable` when it cannot be reached, DatabaseFault when it does not let the login in
 */
export async function examineDatabase(url: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const link = await Link.open(url, signal);
    try {
      return await checkDatabase(link);
    } finally {
      await link.close();
    }
  } catch (cause) {
    throw toolFault(cause);
  }
}

const constant = (text: string) => ({ text, values: [] });

/** When each database was last found safe: plain data, which requests of one isolate can share. */
const foundSafe = new Map<string, number>();

/**
 * Checks the database unless it was found safe within the last minute.
 * @throws DatabaseFault that names each problem, for the operator's log
 */
export async function requireSafe(link: Link, name: string, url: string, now: number): Promise<void> {
  const at = foundSafe.get(url);
  if (at !== undefined && now >= at && now - at < BELIEVED_MS) return;
  foundSafe.delete(url);
  const problems = await checkDatabase(link);
  if (problems.length > 0)
    throw new DatabaseFault(`the database ${name} is not safe to share: ${problems.join(' ')}`);
  if (foundSafe.size >= MAX_REMEMBERED) foundSafe.clear();
  foundSafe.set(url, now);
}
