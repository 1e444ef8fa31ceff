import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { V4WorkerOptions } from 'miniflare';

/** The Worker as a deployment bundles it, for tests and benchmarks that start it more than once. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where the bundle of this run is; the tests' global setup sets it, so that all of their processes share one. */
export const BUNDLE = 'BULKHEAD_TEST_BUNDLE';
const OPTIONS = 'miniflare.json';
/** Kinds of modules, by the extension of their files; other files are not part of the Worker. */
const TEXT = ['.sql', '.md'];

export interface Source {
  /** The root of a project, with a wrangler of its own. */
  readonly root: string;
  /** Paths of a wrangler configuration and of the entry, from the root of the project. */
  readonly config: string;
  readonly entry: string;
}

/** The files of a bundle that are modules of its Worker, the entry first. */
export const modulesOf = (directory: string): { file: string; isText: boolean }[] =>
  readdirSync(directory)
    .map((file) => ({ file, isText: TEXT.includes(extname(file)) }))
    .filter(({ file, isText }) => isText || extname(file) === '.js')
    .sort((a, b) => Number(a.isText) - Number(b.isText));

/** Bundles a Worker into a folder, which is created when absent. @throws with what wrangler printed */
export function bundle({ root, config, entry }: Source, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
  const args = [wrangler, 'deploy', entry, '--config', config, '--dry-run', '--outdir', directory];
  execFileSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_SEND_ERROR_REPORTS: 'false' },
    stdio: 'pipe',
  });
}

/** Bundles this project's Worker for Miniflare into a new folder. @returns the folder */
export async function bundleForMiniflare(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-bundle-'));
  bundle({ root: ROOT, config: 'wrangler.toml', entry: 'src/index.ts' }, directory);
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler');
  const config = unstable_readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true });
  // The tests have secrets and variables of their own, whatever is in .dev.vars.
  const { workerOptions } = unstable_getMiniflareWorkerOptions({ ...config, secrets: undefined });
  const options = { ...workerOptions, name: config.name, bindings: config.vars };
  writeFileSync(join(directory, OPTIONS), JSON.stringify(options));
  return directory;
}

/** The options of Miniflare for a Worker that `bundleForMiniflare` has bundled. */
export function miniflareOptions(directory: string): V4WorkerOptions {
  const modules = modulesOf(directory).map(({ file, isText }) => ({
    type: isText ? ('Text' as const) : ('ESModule' as const),
    path: join(directory, file),
    contents: readFileSync(join(directory, file), 'utf8'),
  }));
  return {
    ...JSON.parse(readFileSync(join(directory, OPTIONS), 'utf8')),
    modules,
    modulesRoot: directory,
    rootPath: directory,
  };
}
