import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { parseDatabases, type SharedDatabase } from '../../../src/postgres/databases.ts';
import { type PostgresServer, startPostgres } from './server.ts';

const script = (name: string) => readFileSync(`docs/postgres/${name}`, 'utf8');

/** A database that is installed as the documents say, with the table `tickets`. */
export interface Shop {
  readonly server: PostgresServer;
  readonly database: SharedDatabase;
  /** Where tools log in. */
  readonly url: string;
  /** Runs statements as a superuser, whom no policy holds. */
  asAdmin(text: string): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

const OWNER = `
  CREATE ROLE shop_owner;
  GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;
  GRANT USAGE ON SCHEMA bulkhead TO shop_owner;
  GRANT EXECUTE ON FUNCTION bulkhead.tenant() TO shop_owner;`;

export async function openShop(): Promise<Shop> {
  const server = await startPostgres();
  const maker = new Client(server.url('postgres', 'postgres'));
  await maker.connect();
  await maker.query('CREATE DATABASE shop');
  await maker.end();
  const admin = new Client(server.url('postgres'));
  await admin.connect();
  await admin.query(script('install.sql'));
  await admin.query(OWNER);
  await admin.query(`SET ROLE shop_owner; ${script('tickets.sql')}; RESET ROLE;`);
  const { rows } = await admin.query("SELECT bulkhead.add_key('k1') AS key");
  const url = server.url('bulkhead_tools');
  const [database] = parseDatabases(JSON.stringify({ orders: { url, key: rows[0].key } })) ?? [];
  if (database === undefined) throw new Error('the key of the database was not taken');
  return {
    server,
    database,
    url,
    asAdmin: async (text) => {
      const result = await admin.query(text);
      return [result].flat().at(-1)?.rows ?? [];
    },
    stop: async () => {
      await admin.end();
      await server.stop();
    },
  };
}
