import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { catalogue } from '../../src/catalogue.ts';
import { listing } from '../../src/tools/catalogue.ts';
import { FAMILIES, SCOPES } from '../../src/tools/tool.ts';
import { ISOLATION_SCRIPT } from '../support/isolation-script.ts';

const MAX_TOOLS = 24;
const MAX_DESCRIPTION_CHARS = 600;
const POLICIES = ['plain', 'hash', 'length', 'omit'];
/** Names that would let an argument choose whose data is meant. */
const NAMES_A_TENANT =
  /tenant|account|customer|workspace|organi[sz]ation|namespace_id|owner|token(?!s)|principal/i;

const FAMILY_NAME = new RegExp(`^(${[...FAMILIES, 'tenant'].join('|')})_[a-z]+$`);

type Schema = Readonly<Record<string, unknown>>;

function* subschemas(schema: unknown, path = '$'): Generator<[path: string, schema: Schema]> {
  if (typeof schema !== 'object' || schema === null) return;
  if (!Array.isArray(schema)) yield [path, { ...schema }];
  for (const [name, child] of Object.entries(schema)) yield* subschemas(child, `${path}.${name}`);
}

const properties = (schema: Schema): Schema => ({ ...Object(schema.properties) });

test('the catalogue is small and its names are unique', () => {
  const names = catalogue.all.map((tool) => tool.name);
  expect(new Set(names).size).toBe(names.length);
  expect(catalogue.tools.length).toBeLessThanOrEqual(MAX_TOOLS);
});

/** What writes, but only about the client itself: its session and what it is told of. */
const ABOUT_CLIENTS = [
  'session_open',
  'session_close',
  'stream_open',
  'session_log_level',
  'resources_subscribe',
  'resources_unsubscribe',
];
const internal = catalogue.all.filter((tool) => !catalogue.tools.includes(tool));

test.each(internal.map((tool) => [tool.name, tool] as const))(
  '%s, which no caller names, changes nothing that agents store',
  (name, tool) => {
    expect(name).not.toMatch(FAMILY_NAME);
    expect(tool.annotations.destructiveHint || tool.grows).toBe(false);
    expect(tool.annotations.readOnlyHint).toBe(!ABOUT_CLIENTS.includes(name));
    expect(tool.scope).toMatch(/^(blackboard:read|any)$/);
    expect(tool.cost).toBeGreaterThanOrEqual(name === 'session_close' ? 0 : 1);
  },
);

describe.each(catalogue.tools.map((tool) => [tool.name, tool] as const))('%s', (name, tool) => {
  test('is named after its family and titled', () => {
    expect(name).toMatch(FAMILY_NAME);
    expect(tool.title.length).toBeGreaterThan(3);
    expect(tool.title.length).toBeLessThanOrEqual(40);
  });

  test('is described in few words', () => {
    expect(tool.description.length).toBeGreaterThan(40);
    expect(tool.description.length).toBeLessThanOrEqual(MAX_DESCRIPTION_CHARS);
  });

  test('has a scope of its own family that fits what it does, and a price', () => {
    if (tool.scope !== 'any') {
      expect(SCOPES).toContain(tool.scope);
      expect(tool.scope.split(':')[0]).toBe(name.split('_')[0]);
      if (!tool.annotations.readOnlyHint && tool.grows)
        expect([`${name.split('_')[0]}:write`, 'cache:read']).toContain(tool.scope);
      expect(tool.cost).toBeGreaterThanOrEqual(1);
    }
    expect(Number.isInteger(tool.cost)).toBe(true);
  });
});

describe.each(catalogue.all.map((tool) => [tool.name, tool] as const))('%s', (name, tool) => {
  const { inputSchema, outputSchema = {}, annotations } = listing(tool);

  test('says explicitly what it does to data', () => {
    for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const) {
      expect(annotations[hint]).toBeTypeOf('boolean');
    }
    expect(annotations.openWorldHint).toBe(false);
    expect(annotations.readOnlyHint && (annotations.destructiveHint || tool.grows)).toBe(false);
  });

  test('has a log policy for every argument and for nothing else', () => {
    expect(Object.keys(tool.log).sort()).toEqual(Object.keys(tool.input.shape).sort());
    for (const policy of Object.values(tool.log)) expect(POLICIES).toContain(policy);
  });

  // The SDK checks the headers that such an argument asks for with its high-level server only.
  test('has no argument that is a header too', () => {
    for (const [path, schema] of subschemas(inputSchema))
      expect(schema, path).not.toHaveProperty(['x-mcp-header']);
  });

  test('has no argument that could name a tenant', () => {
    for (const [path, schema] of subschemas(inputSchema)) {
      for (const field of Object.keys(properties(schema)))
        expect(`${path}.${field}`).not.toMatch(NAMES_A_TENANT);
    }
  });

  test.each([
    ['input', inputSchema],
    ['output', outputSchema],
  ])('has a portable %s schema', (side, root) => {
    expect(root).toMatchObject({ type: 'object', additionalProperties: false });
    for (const keyword of ['anyOf', 'oneOf', 'allOf', '$ref', '$schema', '$defs'])
      expect(root).not.toHaveProperty([keyword]);
    for (const [path, schema] of subschemas(root)) {
      expect(schema, path).not.toHaveProperty(['$ref']);
      if (schema.type === 'array') {
        expect(schema, path).toHaveProperty('items');
        if (side === 'input') expect(schema.maxItems, path).toBeTypeOf('number');
      }
      if (side === 'input' && (schema.type === 'integer' || schema.type === 'number')) {
        expect(schema.minimum ?? schema.exclusiveMinimum, path).toBeTypeOf('number');
        expect(schema.maximum, path).toBeTypeOf('number');
        expect(schema.maximum, path).toBeLessThan(Number.MAX_SAFE_INTEGER);
      }
      if (
        side === 'input' &&
        schema.type === 'string' &&
        schema.enum === undefined &&
        schema.const === undefined
      ) {
        expect(schema.maxLength, path).toBeTypeOf('number');
      }
      if (schema.type === 'object')
        expect(typeof (schema.additionalProperties ?? false), path).toBe('boolean');
    }
  });

  test('admits an error and requires nothing in what it publishes of its answer', () => {
    expect(outputSchema).not.toHaveProperty('required');
    expect(properties(outputSchema)).toHaveProperty('error');
    expect(tool.output.def.catchall).toBeInstanceOf(z.ZodNever);
  });

  test('takes part in the isolation test', () => {
    expect(ISOLATION_SCRIPT.map((step) => step.tool)).toContain(name);
  });
});
