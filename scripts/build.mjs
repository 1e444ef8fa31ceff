// Makes what the package runs: JavaScript, because Node strips no types inside node_modules, and bundled, because it starts
// sooner so. It lies as deep as src/cli/, so that what finds the migrations relative to itself finds them here too.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/cli/stdio.ts'],
  outdir: 'dist/cli',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // The local server does not load the bridge, nor the other way round.
  splitting: true,
  chunkNames: '[name]-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node22',
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(Object.keys(metafile.inputs)));

/** The licence of every package that a file of the bundle comes from, which each of them wants to be passed on. */
function licences(inputs) {
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort().map(licence).join('\n\n');
}

function licence(folder) {
  const at = (name) => join(ROOT, folder, name);
  const { name, version, license } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const file = readdirSync(at('')).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(at(file), 'utf8').trim() : ''}`;
}
