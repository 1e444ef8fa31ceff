import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_SECRETS } from './test/support/secrets.ts';

/** A guard against what hangs, generous enough for a slow machine; nothing is asserted about time. */
const TIMEOUT_MS = 120_000;
/** How long `expect.poll` waits for what must come: its own second is less than a loaded machine may pause. */
const POLL = { poll: { timeout: 30_000 } };
/** Processes at once: one for each core of a small machine. */
const WORKERS = 2;
/** Files at once that start a server each: they wait more than they work. */
const SERVERS = 4;
/** Races of creations with deletions: `RACES=1000 npx vitest run --project worker test/worker/lifecycle.test.ts` runs as many. */
const RACES = Number(process.env.RACES ?? 100);
/** Files that take longest, and about how many seconds on two cores. They start first, so that none of them is alone at the end. */
const LONGEST: Readonly<Record<string, number>> = {
  'e2e/documents': 82,
  'e2e/tutorial': 75,
  'e2e/cli-processes': 60,
  'e2e/cli': 58,
  'e2e/third-party': 56,
  'e2e/console-pages': 50,
  'e2e/push-vanish': 37,
  'conformance/conformance': 37,
  'e2e/bridge': 35,
  'e2e/sign-in-pages': 35,
  'e2e/push-eviction': 33,
  'e2e/sign-in-programs': 31,
  'e2e/contract': 30,
  'e2e/clients': 25,
  'e2e/package': 25,
  'e2e/examples': 20,
  'e2e/stdio-local': 20,
  'e2e/stdio-local-processes': 18,
  'e2e/telemetry': 18,
  'e2e/concurrency': 15,
  'e2e/records': 15,
  'e2e/sign-in-clients': 15,
  'unit/linear-time': 31,
  'unit/storage-bounds': 27,
  'worker/fuzz': 45,
  'worker/streams': 19,
  'tools/storage': 11,
  'worker/admin': 12,
  'worker/growth': 12,
  'worker/lifecycle': 11,
  'worker/provider-sign-in': 5,
  'worker/provider-accounts': 5,
  'tools/isolation': 5,
  'tools/write-only': 5,
  'tools/blackboard/queue': 4,
  'worker/prompts': 4,
  'worker/recovery': 4,
  'tools/blackboard/concurrency': 3,
  'worker/outage': 3,
};

const secondsOf = ({ moduleId }: TestSpecification) =>
  LONGEST[/\/test\/(.+)\.test\.ts$/.exec(moduleId)?.[1] ?? ''] ?? 1;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => secondsOf(b) - secondsOf(a));
  }

  /** Shards that take about as long as each other. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index, count } = this.ctx.config.shard ?? { index: 1, count: 1 };
    const shards = Array.from({ length: count }, () => ({ seconds: 0, files: [] as TestSpecification[] }));
    const byName = files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
    for (const file of byName.toSorted((a, b) => secondsOf(b) - secondsOf(a))) {
      const shortest = shards.reduce((least, shard) => (shard.seconds < least.seconds ? shard : least));
      shortest.files.push(file);
      shortest.seconds += secondsOf(file);
    }
    return shards[index - 1]?.files ?? [];
  }
}

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  test: {
    // The server's own log lines: shown for a test that fails, and only then.
    silent: 'passed-only',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { alias: { '#host': at('./test/support/host-node.ts') } },
        test: {
          name: 'unit',
          maxWorkers: WORKERS,
          // Loading the modules anew for each file takes as long as its tests.
          isolate: false,
          // Two projects that share what they have loaded must not run at once: the pool then stands still.
          sequence: { groupOrder: 0 },
          include: ['test/unit/**/*.test.ts', 'test/tools/**/*.test.ts'],
          expect: POLL,
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // Where the tests export records to; a deployment need not bind one.
              r2Buckets: ['RECORDS'],
              bindings: {
                ...TEST_SECRETS,
                PUBLIC_URL: 'https://mcp.test',
                ALLOWED_ORIGINS: 'https://app.test, http://localhost:5173',
              },
            },
          }),
        ],
        resolve: { alias: { '#host': at('./test/support/host-worker.ts') } },
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts', 'test/tools/**/*.test.ts'],
          provide: {
            races: RACES,
            fuzzSeed: process.env.FUZZ_SEED ?? String(Date.now() % 1_000_000),
            fuzzRequests: process.env.FUZZ_REQUESTS ?? '20000',
          },
          // One isolate for all files: loading the Worker anew for each takes longer than its tests.
          isolate: false,
          sequence: { groupOrder: 1 },
          expect: POLL,
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
          setupFiles: ['./test/support/worker-setup.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          // Loading wrangler and the SDKs anew for each file takes a second or two.
          isolate: false,
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['./test/support/bundle-once.ts'],
          expect: POLL,
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
          maxWorkers: SERVERS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          globalSetup: ['./test/support/bundle-once.ts'],
          expect: POLL,
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
          maxWorkers: SERVERS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
