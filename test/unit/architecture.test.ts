import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** What each part of `src` may import from; every part may use its own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  telemetry: [],
  tools: ['telemetry'],
  tenant: ['tools', 'telemetry', 'config.ts'],
  registry: ['tenant'],
  mcp: ['tenant', 'tools', 'telemetry', 'version.ts'],
  edge: ['mcp', 'tenant', 'tools', 'telemetry', 'registry', 'config.ts', 'version.ts'],
  local: ['mcp', 'tenant', 'tools', 'telemetry', 'version.ts'],
  bridge: ['telemetry', 'version.ts'],
  cli: ['local', 'bridge', 'mcp', 'tenant', 'tools', 'telemetry', 'config.ts', 'version.ts'],
};
/** The only files outside `edge` and `index.ts` that may name the platform. */
const PLATFORM = [
  'src/tenant/object.ts',
  'src/tenant/durable-database.ts',
  'src/tenant/durable-listener.ts',
  'src/registry/object.ts',
];
/** Names types of the protocol's library, which are all that a tool at the edge sees of it. */
const PROTOCOL_TYPES = 'src/tools/edge-tool.ts';

const files = globSync('src/**/*.ts').filter((file) => !file.endsWith('.d.ts'));
const partOf = (file: string) => normalize(file).split('/')[1] ?? '';
const importsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'/gm)].map(
    ([, target]) => target ?? '',
  );

test('there are files to look at', () => {
  expect(files.length).toBeGreaterThan(20);
  expect(importsOf('src/tenant/object.ts')).toContain('cloudflare:workers');
});

test.each(files.filter((file) => partOf(file) in MAY_IMPORT))('%s imports only what its part may', (file) => {
  const part = partOf(file);
  const allowed = [part, ...(MAY_IMPORT[part] ?? [])];
  const foreign = importsOf(file)
    .filter((target) => target.startsWith('.') && !target.endsWith('.sql'))
    .map((target) => partOf(join(dirname(file), target)))
    .filter((target) => !allowed.includes(target));
  expect(foreign).toEqual([]);
});

test.each(
  files.filter(
    (file) =>
      !['edge', 'mcp', 'cli', 'local', 'bridge'].includes(partOf(file)) &&
      !PLATFORM.includes(file) &&
      file !== PROTOCOL_TYPES,
  ),
)('%s names no platform', (file) => {
  expect(readFileSync(file, 'utf8')).not.toMatch(
    /cloudflare:|DurableObject(?:State|Storage|Namespace)|@modelcontextprotocol/,
  );
});
