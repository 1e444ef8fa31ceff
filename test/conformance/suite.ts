import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const CLI = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');
/** A guard against a suite that hangs. */
export const RUN_MS = 120_000;
/** Of one scenario; a server that is silent for longer is wrong. */
const SCENARIO_MS = 30_000;
/** A folder of results: `server-<scenario>-<time>`. */
const RESULT = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;

export const REVISIONS = ['2026-07-28', '2025-11-25'] as const;
export type Revision = (typeof REVISIONS)[number];

const check = z.object({
  id: z.string(),
  status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
  errorMessage: z.string().optional(),
});
export type Check = z.output<typeof check>;

/** The scenarios for servers that a revision has. */
export interface Requirements {
  /** What conforming to it takes. */
  readonly scored: readonly string[];
  /** What is run and reported besides. */
  readonly unscored: readonly string[];
}

export async function requirementsOf(revision: Revision): Promise<Requirements> {
  const { stdout } = await run(['list', '--requirements', revision]);
  const [, scored = ''] = /^Server scenarios [^\n]*\n((?: {2}- [^\n]+\n)+)/m.exec(stdout) ?? [];
  return {
    scored: [...scored.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = '']) => name),
    unscored: [...stdout.matchAll(/^ {4}- (\S+) \[server\]$/gm)].map(([, name = '']) => name),
  };
}

/** Runs all scenarios of a revision against a server; returns the checks of each. */
export async function runSuite(url: string, revision: Revision): Promise<ReadonlyMap<string, Check[]>> {
  const directory = await mkdtemp(join(tmpdir(), 'bulkhead-conformance-'));
  try {
    // Its exit code says no more than the results do.
    const { stderr } = await run([
      'server',
      ...['--url', url, '--requirements', revision, '--output-dir', directory],
      ...['--timeout', String(SCENARIO_MS)],
    ]);
    const results = new Map<string, Check[]>();
    for (const folder of await readdir(directory)) {
      const [, scenario] = RESULT.exec(folder) ?? [];
      if (scenario === undefined) throw new Error(`the suite wrote a result that has no scenario: ${folder}`);
      const json = await readFile(join(directory, folder, 'checks.json'), 'utf8');
      results.set(scenario, z.array(check).parse(JSON.parse(json)));
    }
    if (results.size === 0) throw new Error(`the suite ran no scenario: ${stderr}`);
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = { timeout: RUN_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      if (error?.killed) reject(error);
      else resolve({ stdout, stderr });
    });
  });
}
