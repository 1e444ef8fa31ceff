import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * The rooms of `src`, each with what it may import from besides itself. A room is a folder with everything below it that
 * is no room of its own, or one file. A room that is not listed here fails the test, so that none escapes it.
 */
const GROUND = ['telemetry', 'json', 'config.ts', 'sign-in-settings.ts', 'result.ts', 'version.ts'];
const CONTRACT = ['tenant/contract', 'tools', ...GROUND];
const EDGE_HTTP = ['mcp', 'connections', 'postgres', 'tenant/calls', 'catalogue.ts', ...CONTRACT];
const TENANT = [
  'tenant',
  'tenant/approvals',
  'tenant/calls',
  'tenant/connections',
  'tenant/records',
  'tenant/streams',
  'tenant/members',
  'tenant/storage',
];
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'version.ts': [],
  'result.ts': [],
  json: [],
  files: [],
  telemetry: ['json', 'version.ts'],
  'sign-in-settings.ts': [],
  'config.ts': ['telemetry', 'postgres', 'sign-in-settings.ts'],
  tools: ['telemetry', 'json'],
  'transport-tools': ['tools', 'telemetry', 'json'],
  postgres: ['tools'],
  'catalogue.ts': ['tools', 'transport-tools', 'tenant/records'],
  'tenant/contract': ['tools', ...GROUND],
  'tenant/storage': CONTRACT,
  'tenant/streams': ['tenant/storage', 'transport-tools', ...CONTRACT],
  'tenant/records': ['tenant/storage', ...CONTRACT],
  'tenant/connections': ['tenant/storage', ...CONTRACT],
  'tenant/approvals': ['tenant/records', 'tenant/storage', ...CONTRACT],
  'tenant/calls': [
    'tenant/approvals',
    'tenant/connections',
    'tenant/records',
    'tenant/storage',
    'transport-tools',
    ...CONTRACT,
  ],
  'tenant/members': ['tenant/storage', ...CONTRACT],
  tenant: [...TENANT, 'transport-tools', ...CONTRACT],
  registry: ['tenant/storage', ...CONTRACT],
  meters: ['tenant/storage', ...CONTRACT],
  connections: ['postgres', ...CONTRACT],
  remote: ['connections', 'tenant/calls', ...CONTRACT],
  mcp: ['remote', 'connections', 'transport-tools', 'tenant/calls', ...CONTRACT],
  'edge/http': EDGE_HTTP,
  'edge/auth': ['edge/http', ...EDGE_HTTP],
  'edge/tenant-client': ['edge/auth', 'edge/http', 'tenant/streams', 'transport-tools', ...EDGE_HTTP],
  'edge/mcp': [
    'edge/tenant-client',
    'edge/auth',
    'edge/http',
    'tenant/streams',
    'transport-tools',
    ...EDGE_HTTP,
  ],
  // The document of plain HTTP describes what a token of the tenant may administer.
  'edge/api': [
    'edge/admin',
    'tenant/records',
    'remote',
    'edge/tenant-client',
    'edge/auth',
    'edge/http',
    ...EDGE_HTTP,
  ],
  'edge/oauth': ['edge/auth', 'edge/http', ...EDGE_HTTP],
  'edge/admin': [
    'edge/tenant-client',
    'connections',
    'edge/oauth',
    'edge/auth',
    'edge/http',
    'tenant',
    'tenant/records',
    'tenant/streams',
    'tenant/storage',
    'registry',
    ...EDGE_HTTP,
  ],
  'edge/console': [
    'edge/admin',
    'edge/oauth',
    'transport-tools',
    'edge/tenant-client',
    'edge/auth',
    'edge/http',
    'tenant/records',
    'tenant/streams',
    ...EDGE_HTTP,
  ],
  'edge/console/operator': [
    'edge/console',
    'edge/oauth',
    'meters',
    'edge/admin',
    'edge/tenant-client',
    'edge/auth',
    'edge/http',
    'tenant',
    'tenant/records',
    'tenant/storage',
    'registry',
    ...EDGE_HTTP,
  ],
  'app.ts': [
    'edge/console/operator',
    'edge/console',
    'edge/mcp',
    'edge/api',
    'edge/admin',
    'edge/oauth',
    'edge/auth',
    'edge/http',
    ...GROUND,
  ],
  'index.ts': ['app.ts', 'catalogue.ts', 'mcp', 'registry', 'meters', 'tenant'],
  local: [
    'files',
    'mcp',
    'connections',
    'postgres',
    'catalogue.ts',
    'transport-tools',
    ...TENANT,
    ...CONTRACT,
  ],
  bridge: ['files', ...GROUND],
  cli: ['files', 'local', 'bridge', 'mcp', 'catalogue.ts', ...TENANT, ...CONTRACT],
};

/** The only files outside the edge that may name the platform. */
const PLATFORM = [
  'src/index.ts',
  'src/tenant/object.ts',
  'src/tenant/sign-in-object.ts',
  'src/tenant/records-object.ts',
  'src/tenant/approvals-object.ts',
  'src/tenant/connections-object.ts',
  'src/tenant/storage/durable-database.ts',
  'src/tenant/streams/durable-listener.ts',
  'src/registry/object.ts',
  'src/meters/object.ts',
];
/** Rooms that are made of the protocol's library. */
const PROTOCOL = ['edge', 'mcp', 'cli', 'local', 'bridge'];

const files = globSync('src/**/*.{ts,tsx,mjs}').filter((file) => !file.endsWith('.d.ts'));

/** The room of a file, by the longest listed path that it stands in. */
function roomOf(file: string): string | undefined {
  const path = normalize(file).split('/').slice(1);
  for (let length = path.length; length > 0; length--) {
    const room = path.slice(0, length).join('/');
    if (Object.hasOwn(ROOMS, room)) return room;
  }
  return undefined;
}

const importsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom\s+|\bimport\(\s*|^import\s+)['"]([^'"]+)['"]/gm)].map(
    ([, target]) => target ?? '',
  );

test('there are files to look at', () => {
  expect(files.length).toBeGreaterThan(150);
  expect(importsOf('src/registry/object.ts')).toContain('cloudflare:workers');
});

test('every file stands in a room, and every room has a file', () => {
  const rooms = files.map(roomOf);
  expect(files.filter((_, index) => rooms[index] === undefined)).toEqual([]);
  expect(Object.keys(ROOMS).filter((room) => !rooms.includes(room))).toEqual([]);
});

test('arrows between rooms go one way', () => {
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    (ROOMS[from] ?? []).some((next) => {
      if (next === to) return true;
      if (next === from || seen.has(next)) return false;
      seen.add(next);
      return reaches(next, to, seen);
    });
  expect(
    Object.keys(ROOMS).filter((room) =>
      (ROOMS[room] ?? []).some((next) => next !== room && reaches(next, room)),
    ),
  ).toEqual([]);
});

describe('imports only what its room may', () => {
  test.each(files)('%s', (file) => {
    const room = roomOf(file) ?? '';
    const allowed = [room, ...(ROOMS[room] ?? [])];
    const foreign = importsOf(file)
      .filter((target) => target.startsWith('.') && !/\.(?:sql|json|md)$/.test(target))
      .map((target) => join(dirname(file), target))
      .filter((target) => existsSync(target))
      .map((target) => roomOf(target) ?? target)
      .filter((target) => !allowed.includes(target));
    expect(foreign).toEqual([]);
  });
});

describe('names no platform', () => {
  const isFree = (file: string) =>
    !PROTOCOL.includes((roomOf(file) ?? '').split('/')[0] ?? '') && !PLATFORM.includes(file);
  test.each(files.filter(isFree))('%s', (file) => {
    expect(readFileSync(file, 'utf8')).not.toMatch(
      /cloudflare:|DurableObject(?:State|Storage|Namespace)|@modelcontextprotocol/,
    );
  });
});
