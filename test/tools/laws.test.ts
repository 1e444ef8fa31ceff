import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { FAMILIES, familyOf, SCOPES, UNSCOPED_FAMILY } from '../../src/tools/families.ts';
import { TRANSPORT_TOOLS } from '../../src/transport-tools/catalogue.ts';
import { ISOLATION_SCRIPT } from '../support/isolation-script.ts';
import { LAWS, PUBLISHED_LAWS } from '../support/laws.ts';

const MAX_TOOLS = 24;

test('the catalogue is small and its names are unique', () => {
  const names = catalogue.all.map((tool) => tool.name);
  expect(new Set(names).size).toBe(names.length);
  expect(
    catalogue.tools.length,
    'Every client lists all tools, and each one costs its model tokens: merge tools, or raise MAX_TOOLS.',
  ).toBeLessThanOrEqual(MAX_TOOLS);
});

const tools = catalogue.tools.map((tool) => [tool.name, tool] as const);
const all = catalogue.all.map((tool) => [tool.name, tool] as const);

describe.each(tools)('%s', (_name, tool) => {
  test.each(Object.entries(PUBLISHED_LAWS))('%s', (_law, problemsOf) => {
    expect(problemsOf(tool)).toEqual([]);
  });
});

describe.each(all)('%s', (_name, tool) => {
  test.each(Object.entries(LAWS))('%s', (_law, problemsOf) => {
    expect(problemsOf(tool)).toEqual([]);
  });
});

test.each(all)('%s takes part in the isolation test', (name) => {
  expect(
    ISOLATION_SCRIPT.map((step) => step.tool),
    `Add a step that calls ${name} to ISOLATION_SCRIPT in test/support/isolation-script.ts.`,
  ).toContain(name);
});

/** Internal tools that write, but only about the client itself: its session and its subscriptions. */
const ABOUT_CLIENTS = [
  'session_open',
  'session_close',
  'stream_open',
  'session_log_level',
  'resources_subscribe',
  'resources_unsubscribe',
];

test.each(TRANSPORT_TOOLS.map((tool) => [tool.name, tool] as const))(
  '%s, which no caller can name, changes nothing that agents store',
  (name, tool) => {
    expect([...FAMILIES, UNSCOPED_FAMILY]).not.toContain(familyOf(tool));
    expect(tool.annotations.destructiveHint || tool.grows).toBe(false);
    expect(tool.annotations.readOnlyHint).toBe(!ABOUT_CLIENTS.includes(name));
    expect(['any', ...SCOPES.filter((scope) => scope.endsWith(':read'))]).toContain(tool.scope);
    expect(tool.cost).toBeGreaterThanOrEqual(name === 'session_close' ? 0 : 1);
  },
);

// A client may build its keys of anything; one log policy for all tools lets a call be found by its key in every line.
test.each(all.filter(([, tool]) => 'idempotency_key' in tool.input.shape))(
  '%s logs a digest of its idempotency_key',
  (_name, { log }) => {
    expect(log).toMatchObject({ idempotency_key: 'hash' });
  },
);
