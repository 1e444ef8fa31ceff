import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** What each part of `src` may import from; every part may use its own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  telemetry: [],
  tools: ['telemetry'],
  tenant: ['tools', 'telemetry', 'config.ts'],
  registry: ['tenant'],
  edge: ['tenant', 'tools', 'telemetry', 'registry', 'config.ts', 'version.ts'],
  cli: ['tenant', 'tools', 'telemetry', 'config.ts', 'version.ts'],
};
/** The only files outside `edge` and `index.ts` that may name the platform. */
const PLATFORM = ['src/tenant/object.ts', 'src/tenant/durable-database.ts', 'src/registry/object.ts'];

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

test.each(files.filter((file) => !['edge', 'cli'].includes(partOf(file)) && !PLATFORM.includes(file)))(
  '%s names no platform',
  (file) => {
    expect(readFileSync(file, 'utf8')).not.toMatch(
      /cloudflare:|DurableObject(?:State|Storage|Namespace)|@modelcontextprotocol/,
    );
  },
);
