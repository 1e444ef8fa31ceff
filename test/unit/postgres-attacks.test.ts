import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ToolError } from '../../src/tools/errors.ts';
import type { Sql, SqlRow } from '../../src/tools/sql.ts';
import { Random } from '../support/fuzz/random.ts';
import { Caller, careless, Intruder } from '../support/postgres/attackers.ts';
import { Attacks, type Target } from '../support/postgres/attacks.ts';
import { callSql } from '../support/postgres/calling.ts';
import { canRun, tellLeftOut } from '../support/postgres/left-out.ts';
import { type Pool, startPgbouncer } from '../support/postgres/pgbouncer.ts';
import { openShop, type Shop } from '../support/postgres/shop.ts';

/** `ATTACKS=100000 npx vitest run --project unit test/unit/postgres-attacks.test.ts` makes as many attempts. */
const ATTACKS = Number(process.env.ATTACKS ?? 3000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const ATTACKERS = 4;
/** What tells of totals, sessions or time; the documents say so. */
const RESIDUE =
  /pg_stat|pg_statistic|pg_ls_dir|currtid|TABLESAMPLE|pg_export_snapshot|pg_terminate|pg_cancel|pg_sleep/i;
const PREFIX = 'canary-';

tellLeftOut('attacks on shared databases');

describe.runIf(canRun)(`two tenants in one table (seed ${SEED})`, () => {
  let shop: Shop;
  let pool: Pool;
  let canaries: string[];
  let target: Target;
  let victims: readonly unknown[];

  const VICTIM_ROWS = "SELECT id::text, subject, status FROM tickets WHERE tenant_id = 'globex' ORDER BY id";

  beforeAll(async () => {
    const random = new Random(SEED);
    canaries = Array.from({ length: 20 }, () => random.hex(24));
    shop = await openShop();
    await shop.asAdmin(
      "INSERT INTO tickets (tenant_id, subject) SELECT 'acme', 'mine ' || n FROM generate_series(1, 5) n",
    );
    // The same database without the other tenant: what a caller is told must be the same in both.
    await shop.copyTo('quiet');
    const values = canaries.map((canary) => `('globex', '${PREFIX}${canary}')`);
    await shop.asAdmin(`INSERT INTO tickets (tenant_id, subject) VALUES ${values.join()}`);
    victims = await shop.asAdmin(VICTIM_ROWS);
    pool = await startPgbouncer(shop.server);
    const claims = await Promise.all(
      ['globex', 'globex', 'acme'].map(async (tenant) => {
        const intruder = new Intruder(shop.url, shop.database, tenant);
        const claim = await intruder.signIn();
        await intruder.close();
        return claim;
      }),
    );
    const ids = victims.map((row) => (row as { id: string }).id);
    target = { tenant: 'globex', ids, prefix: PREFIX, claims };
  });
  afterAll(async () => {
    await pool?.stop();
    await shop?.stop();
  });

  const requireNoCanary = (text: string, attack: unknown) => {
    if (canaries.some((canary) => text.includes(canary.slice(0, 12))))
      throw new Error(`a row of the other tenant was read by ${JSON.stringify(attack)}`);
  };
  /** A call through the pool, made again if its session was one of those that are cancelled and killed. */
  const undisturbed = async (tenant: string, work: (sql: Sql) => Promise<SqlRow[]>): Promise<SqlRow[]> => {
    try {
      return await callSql(shop, { tenant, url: pool.url }, work);
    } catch (cause) {
      if (cause instanceof ToolError && cause.code === 'unavailable') return undisturbed(tenant, work);
      throw cause;
    }
  };
  const requireVictimIntact = async () => {
    expect(await shop.asAdmin(VICTIM_ROWS)).toEqual(victims);
    const rows = (sql: Sql) => sql`SELECT id, subject, status FROM tickets ORDER BY id`;
    expect(await undisturbed('globex', rows)).toEqual(victims);
    const foreign = await undisturbed('acme', (sql) => sql`SELECT DISTINCT tenant_id FROM tickets`);
    expect(foreign.filter((row) => row.tenant_id !== 'acme')).toEqual([]);
  };

  test('a tool that pastes its argument into SQL reads and learns nothing of the other', async () => {
    const ends = { rows: 0, failed: 0 };
    const attack = async (worker: number) => {
      const random = new Random(SEED + worker);
      const attacks = new Attacks(random, target);
      const both = [shop.url, shop.server.url('bulkhead_tools', 'quiet')] as const;
      const [loud, quiet] = both.map((url) => new Caller(shop.database, url, 'acme', false));
      for (let left = ATTACKS / ATTACKERS / 3; left > 0; left--) {
        const text = careless(random, attacks);
        const [here, there] = await Promise.all([loud?.run(text), quiet?.run(text)]);
        requireNoCanary(here?.text ?? '', text);
        if (here !== undefined) ends[here.kind]++;
        if (!RESIDUE.test(text) && JSON.stringify(here) !== JSON.stringify(there))
          throw new Error(`${JSON.stringify(text)} tells of the other: ${JSON.stringify([here, there])}`);
      }
      await Promise.all([loud?.close(), quiet?.close()]);
    };
    await Promise.all(Array.from({ length: ATTACKERS }, (_, worker) => attack(worker)));
    // Attempts that are mere errors of syntax would show nothing.
    expect(ends.rows / (ends.rows + ends.failed)).toBeGreaterThan(0.2);
    await requireVictimIntact();
  }, 600_000);

  test('nor does a careless tool that writes, on sessions that a pool shares and that are cancelled and killed', async () => {
    const attack = async (worker: number) => {
      const random = new Random(SEED + 100 + worker);
      const attacks = new Attacks(random, target);
      const caller = new Caller(shop.database, pool.url, 'acme', true);
      for (let left = ATTACKS / ATTACKERS / 3; left > 0; left--) {
        const text = careless(random, attacks);
        requireNoCanary((await caller.run(text)).text, text);
        if (random.chance(0.005)) await disturb(random);
      }
      await caller.close();
    };
    await Promise.all(Array.from({ length: ATTACKERS }, (_, worker) => attack(worker)));
    await requireVictimIntact();
  }, 600_000);

  test('nor does somebody who has a signed session to himself', async () => {
    let succeeded = 0;
    const attack = async (worker: number) => {
      const random = new Random(SEED + 200 + worker);
      const attacks = new Attacks(random, target);
      const intruder = new Intruder(worker === 0 ? shop.url : pool.url, shop.database, 'acme');
      for (let left = ATTACKS / ATTACKERS / 3; left > 0; ) {
        const statements = Array.from({ length: 1 + random.below(4) }, () => attacks.any());
        intruder.received = '';
        succeeded += await intruder.attempt(statements);
        requireNoCanary(intruder.received, statements);
        left -= statements.length;
        if (random.chance(0.02)) await requireVictimIntact();
        if (random.chance(0.01)) await disturb(random);
      }
      await intruder.close();
    };
    await Promise.all(Array.from({ length: ATTACKERS }, (_, worker) => attack(worker)));
    expect(succeeded).toBeGreaterThan(ATTACKS / 60);
    await requireVictimIntact();
  }, 600_000);

  /** Cancels or ends whatever session of the login comes first. */
  async function disturb(random: Random): Promise<void> {
    const way = random.pick(['pg_cancel_backend', 'pg_terminate_backend']);
    await shop.asAdmin(
      `SELECT ${way}(pid) FROM pg_stat_activity WHERE usename = 'bulkhead_tools' ORDER BY random() LIMIT 1`,
    );
  }
});
