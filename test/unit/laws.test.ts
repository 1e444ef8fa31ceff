import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool, type RemoteTool } from '../../src/tools/remote-tool.ts';
import { defineTool, type Tool } from '../../src/tools/tool.ts';
import { LAWS, namesTenant, PUBLISHED_LAWS } from '../support/laws.ts';

/** A tool that obeys every law, with words in it that a customer's own system needs. */
const lawful = defineTool({
  name: 'scar_assign',
  title: 'Assign a scar',
  description: 'Assigns a scar to someone, so that others know who is looking for a fix of this failure.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    owner: text(1, 64),
    account: text(1, 64).optional(),
    customer: z.strictObject({ organization: text(1, 64), workspace_id: text(1, 64) }).optional(),
  }),
  output: z.strictObject({ assigned: z.boolean() }),
  log: { owner: 'plain', account: 'plain', customer: 'omit' },
  run: () => ({ assigned: true }),
});

const remote = defineRemoteTool({
  kind: 'remote',
  name: 'scar_report',
  title: 'Report a scar',
  description: 'Sends a scar to the issue tracker of the team, and returns the address of the new issue.',
  scope: 'scar:write',
  cost: 2,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  asks: false,
  connections: {},
  input: z.strictObject({ scar_id: text(1, 64) }),
  output: z.strictObject({ issue: z.string() }),
  log: { scar_id: 'plain' },
  run: async () => ({ issue: '#1' }),
});

const problems = (tool: Parameters<(typeof LAWS)[string]>[0]) =>
  Object.values({ ...PUBLISHED_LAWS, ...LAWS }).flatMap((problemsOf) => problemsOf(tool));

test('a lawful tool of each kind has no problem', () => {
  expect(problems(lawful)).toEqual([]);
  expect(problems(remote)).toEqual([]);
});

/** The lawful tool with other parts, of which the type checker would refuse some. */
const broken = (parts: Readonly<Record<string, unknown>>): Tool => Object.assign({ ...lawful }, parts);
const reader = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
const input = (shape: z.ZodRawShape) => ({
  input: z.strictObject(shape),
  log: Object.fromEntries(Object.keys(shape).map((name) => [name, 'plain'])),
});

describe('the laws say what is wrong and what to do', () => {
  test.each([
    [{ name: 'orders_open', scope: 'orders:read' }, 'src/tools/families.ts'],
    [{ name: 'scar' }, '<family>_<verb>'],
    [{ name: 'scar_Assign' }, '<family>_<verb>'],
    [{ title: 'No' }, 'title must be'],
    [{ description: 'Assigns.' }, 'description must be'],
    [{ scope: undefined }, "scope must be 'scar:read' or 'scar:write'"],
    [{ scope: 'blackboard:write' }, "scope must be 'scar:read' or 'scar:write'"],
    [{ scope: 'any' }, "use 'scar:read' or 'scar:write'"],
    [{ scope: 'scar:read' }, "needs the scope 'scar:write'"],
    [{ cost: 0 }, 'cost must be'],
    [{ cost: 1.5 }, 'cost must be'],
    [{ annotations: {} }, 'annotations.readOnlyHint must be'],
    [{ annotations: { ...lawful.annotations, openWorldHint: true } }, 'defineRemoteTool'],
    [{ annotations: reader }, 'grows: false'],
    [{ log: { owner: 'plain', account: 'plain' } }, "log must have an entry for customer: 'plain'"],
    [{ log: undefined }, 'log must have an entry for owner'],
    [{ log: { ...lawful.log, other: 'plain' } }, 'log has an entry for other'],
    [{ log: { ...lawful.log, owner: 'all' } }, 'log must have an entry for owner'],
    [input({ tenant_id: text(1, 9) }), 'Rename the argument tenant_id'],
    [input({ a: z.strictObject({ tenantId: text(1, 9) }) }), 'Rename the argument tenantId'],
    [input({ a: z.string() }), 'needs a maximum length'],
    [input({ a: z.array(text(1, 9)) }), 'the list needs .max'],
    [input({ a: z.int() }), 'the number needs .min'],
    [input({ a: z.int().min(0) }), 'the number needs .min(…) and .max(…)'],
    [input({ a: text(1, 9).meta({ 'x-mcp-header': 'X' }) }), 'remove x-mcp-header'],
    [{ input: z.looseObject({}), log: {} }, 'input must be a z.strictObject'],
    [{ output: z.looseObject({ assigned: z.boolean() }) }, 'output must be a z.strictObject'],
  ])('%j', (parts, remedy) => {
    expect(problems(broken(parts)).join('\n')).toContain(remedy);
  });
});

test.each([
  [{ output: z.looseObject({ issue: z.string() }) }, 'output must be a z.strictObject'],
  [{ asks: undefined }, 'asks must be true or false'],
  [{ connections: undefined }, 'connections must say which it uses'],
  [{ connections: { CRM: 'http' } }, 'The connection CRM must be named'],
  [{ cost: 0 }, 'cost must be'],
  [{ scope: undefined }, "scope must be 'scar:read' or 'scar:write'"],
  [{ log: undefined }, 'log must have an entry for scar_id'],
])('of a remote tool: %j', (parts, remedy) => {
  const broken: RemoteTool = Object.assign({ ...remote }, parts as Readonly<Record<string, unknown>>);
  expect(problems(broken).join('\n')).toContain(remedy);
});

test.each([
  'tenant',
  'tenant_id',
  'tenantId',
  'TENANT',
  'tenant-name',
  'the_tenant',
  'tenants',
  'subTenantId',
])('%s names a tenant', (field) => expect(namesTenant(field)).toBe(true));

test.each([
  'owner',
  'account',
  'account_id',
  'customer',
  'organization',
  'organisation',
  'workspace',
  'token',
  'principal',
])('%s does not', (field) => expect(namesTenant(field)).toBe(false));
