// Builds the JavaScript of the package. Node does not run TypeScript inside node_modules, and a bundle starts sooner.
// The output is as deep in the package as src/cli/, so that the relative paths to the migrations stay valid.
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
  // The local server and the bridge are not loaded together, so each is a chunk of its own.
  splitting: true,
  chunkNames: '[name]-[hash]',
  // Needed by connections to databases only, and it loads modules of Node in a way that a bundle of ES modules does not have.
  external: ['pg'],
  platform: 'node',
  format: 'esm',
  target: 'node24',
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(Object.keys(metafile.inputs)));

/** The licences of all bundled packages. Each of them requires that its text is passed on with the code. */
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
