import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';

/** The tenant's tables by name; none when nobody created it. Reading writes nothing. */
export function tablesOf(tenant: string): Promise<string[]> {
  return runInDurableObject(env.TENANTS.getByName(tenant), (_object, state) =>
    state.storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf_%'")
      .toArray()
      .map((row) => row.name),
  );
}

/** What every call changes, its record with the buckets that it was charged to; and the index that a search completes. */
const NOT_CONTENT = /^(records|runs|ledger|board_indexed|board_entries|board_(words|grams)(_.*)?)$/;

/** All that a tenant has stored, but for the record and the charge of its calls and the search index of its cells. */
export function storedBy(tenant: string): Promise<Record<string, unknown[]>> {
  return runInDurableObject(env.TENANTS.getByName(tenant), (_object, state) => {
    const { sql } = state.storage;
    const tables = sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf_%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
      )
      .toArray()
      .filter(({ name }) => !NOT_CONTENT.test(name));
    // A search completes the indexes of events as well, which a column of theirs says.
    const rows = tables.map(
      ({ name }) =>
        [name, [...sql.exec(`SELECT * FROM "${name}"`)].map(({ indexed: _, ...row }) => row)] as const,
    );
    return {
      ...Object.fromEntries(rows),
      rev: sql.exec('SELECT rev FROM ledger').toArray(),
    };
  });
}
