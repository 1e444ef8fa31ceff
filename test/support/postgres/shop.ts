import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { parseDatabases, type SharedDatabase } from '../../../src/postgres/databases.ts';
import { type OpenSql, openerOf } from '../../../src/postgres/session.ts';
import { LOGIN_PASSWORD, type PostgresServer, startPostgres } from './server.ts';

const script = (name: string) => readFileSync(`docs/postgres/${name}`, 'utf8');

/** A database that is installed as the documents say, with the table `tickets`. */
export interface Shop {
  readonly server: PostgresServer;
  readonly database: SharedDatabase;
  /** The key that signs tenants in, as `DATABASES` has it. */
  readonly key: string;
  /** How a call gets `sql`. */
  readonly open: OpenSql;
  /** Where tools log in. */
  readonly url: string;
  /** Runs statements as a superuser, whom no policy holds. */
  asAdmin(text: string): Promise<readonly Record<string, unknown>[]>;
  /** Copies the database as it is to another name. */
  copyTo(name: string): Promise<void>;
  stop(): Promise<void>;
}

const OWNER = `
  CREATE ROLE shop_owner;
  GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;
  GRANT USAGE ON SCHEMA bulkhead TO shop_owner;
  GRANT EXECUTE ON FUNCTION bulkhead.tenant() TO shop_owner;`;

async function connected(server: PostgresServer, database?: string): Promise<Client> {
  const client = new Client({ connectionString: server.url('postgres', database), pipeline: true });
  await client.connect();
  return client;
}

export async function openShop(): Promise<Shop> {
  const server = await startPostgres();
  const maker = await connected(server, 'postgres');
  await maker.query('CREATE DATABASE shop');
  await maker.end();
  let admin = await connected(server);
  await admin.query(script('install.sql'));
  await admin.query(OWNER);
  await admin.query(`SET ROLE shop_owner; ${script('tickets.sql')}; RESET ROLE;`);
  await admin.query(`ALTER ROLE bulkhead_tools PASSWORD '${LOGIN_PASSWORD}'`);
  const { rows } = await admin.query("SELECT bulkhead.add_key('k1') AS key");
  const url = server.url('bulkhead_tools');
  const [database] = parseDatabases(JSON.stringify({ orders: { url, key: rows[0].key } })) ?? [];
  if (database === undefined) throw new Error('the key of the database was not taken');
  return {
    server,
    database,
    open: openerOf({ database, url }),
    key: String(rows[0].key),
    url,
    asAdmin: async (text) => {
      const result = await admin.query(text);
      return [result].flat().at(-1)?.rows ?? [];
    },
    copyTo: async (name) => {
      // A database is copied only while nobody is connected to it.
      await admin.end();
      const copier = await connected(server, 'postgres');
      await copier.query(`CREATE DATABASE ${name} TEMPLATE shop`);
      // The copy keeps the rights within the database, but not those on it.
      await copier.query(`REVOKE TEMPORARY, CREATE ON DATABASE ${name} FROM PUBLIC`);
      await copier.end();
      admin = await connected(server);
    },
    stop: async () => {
      await admin.end();
      await server.stop();
    },
  };
}
