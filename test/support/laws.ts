import * as z from 'zod';
import { CONNECTION_NAME } from '../../src/tenant/contract/connection.ts';
import { listing } from '../../src/tools/catalogue.ts';
import { FAMILIES, familyOf, SCOPES, UNSCOPED_FAMILY } from '../../src/tools/families.ts';
import { jsonSchema } from '../../src/tools/json-schema.ts';
import { type AnyTool, isRemoteTool } from '../../src/tools/remote-tool.ts';

/**
 * The laws that every tool obeys. Each law returns what is wrong with a tool and what to do about it, one sentence for
 * each problem, so that whoever adds a tool reads the remedy in the failing test.
 */
export type Law = (tool: AnyTool) => string[];

type Schema = Readonly<Record<string, unknown>>;

const MAX_DESCRIPTION_CHARS = 600;
const POLICIES = ['plain', 'hash', 'length', 'keys', 'omit'];
const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const;

const unless = (holds: boolean, problem: string): string[] => (holds ? [] : [problem]);

function* subschemas(schema: unknown, path = '$'): Generator<[path: string, schema: Schema]> {
  if (typeof schema !== 'object' || schema === null) return;
  if (!Array.isArray(schema)) yield [path, { ...schema }];
  for (const [name, child] of Object.entries(schema)) yield* subschemas(child, `${path}.${name}`);
}

const properties = (schema: Schema): Schema => ({ ...Object(schema.properties) });

/** True for a field name that contains the word "tenant" in any spelling, such as `tenantId` or `the_tenant`. */
export const namesTenant = (field: string): boolean => /tenant/i.test(field);

/** Laws for the tools that clients can call by name. */
export const PUBLISHED_LAWS: Readonly<Record<string, Law>> = {
  'is named after its family': (tool) => {
    const family = familyOf(tool);
    const known: readonly string[] = [...FAMILIES, UNSCOPED_FAMILY];
    return [
      ...unless(/^[a-z]+_[a-z]+$/.test(tool.name), 'name must be <family>_<verb> in lower-case letters.'),
      ...unless(
        known.includes(family),
        `The family ${family} is not declared: add a line for it to FAMILY_TEXTS in src/tools/families.ts.`,
      ),
    ];
  },

  'has a title of 4 to 40 characters': ({ title }) =>
    unless(title.length >= 4 && title.length <= 40, 'title must be 4 to 40 characters long.'),

  'has a description of 41 to 600 characters': ({ description: { length } }) =>
    unless(
      length > 40 && length <= MAX_DESCRIPTION_CHARS,
      `description must be 41 to ${MAX_DESCRIPTION_CHARS} characters long: it is all that a model reads.`,
    ),

  'needs a scope of its own family that fits its effects': (tool) => {
    const scope: string | undefined = tool.scope;
    const family = familyOf(tool);
    const own = [`${family}:read`, `${family}:write`];
    if (scope === 'any')
      return unless(
        family === UNSCOPED_FAMILY,
        `scope 'any' is for the family ${UNSCOPED_FAMILY} only: use '${own.join("' or '")}'.`,
      );
    if (scope === undefined || !own.includes(scope) || !SCOPES.some((known) => known === scope))
      return [
        `scope must be '${own.join("' or '")}', and ${family} must be declared in src/tools/families.ts.`,
      ];
    const reads = tool.annotations.readOnlyHint || isRemoteTool(tool) || !tool.grows;
    return unless(
      // A lookup in the cache may take a lease, which is stored but is no data of the caller's.
      reads || scope === own[1] || scope === 'cache:read',
      `A tool that adds stored data needs the scope '${own[1]}'.`,
    );
  },

  'has a price': ({ scope, cost }) =>
    unless(
      Number.isInteger(cost) && (cost >= 1 || scope === 'any'),
      'cost must be an integer of at least 1.',
    ),
};

/** Laws for all tools, those included that only the transports call. */
export const LAWS: Readonly<Record<string, Law>> = {
  'declares its effects': (tool) => {
    const annotations: Partial<Record<(typeof HINTS)[number], boolean>> = tool.annotations ?? {};
    const destroys = annotations.destructiveHint === true || (!isRemoteTool(tool) && tool.grows);
    return [
      ...HINTS.flatMap((hint) =>
        unless(typeof annotations[hint] === 'boolean', `annotations.${hint} must be true or false.`),
      ),
      ...unless(
        isRemoteTool(tool) || annotations.openWorldHint === false,
        'annotations.openWorldHint must be false: only a tool made with defineRemoteTool reaches other systems.',
      ),
      ...unless(
        annotations.readOnlyHint !== true || !destroys,
        'A tool with readOnlyHint: true must have destructiveHint: false and grows: false.',
      ),
    ];
  },

  'says whether it asks its caller': (tool) =>
    unless(
      !isRemoteTool(tool) || typeof tool.asks === 'boolean',
      'asks must be true or false: plain HTTP serves a remote tool only if it asks nothing.',
    ),

  'declares its connections': (tool) => {
    if (!isRemoteTool(tool)) return [];
    const declared: Readonly<Record<string, string>> | undefined = tool.connections;
    if (declared === undefined)
      return ["connections must say which it uses, such as { crm: 'http' }, or be {}."];
    return Object.keys(declared).flatMap((name) =>
      unless(
        CONNECTION_NAME.test(name),
        `The connection ${name} must be named in lower-case letters, digits, - and _, at most 32.`,
      ),
    );
  },

  'has a log policy for every argument and for nothing else': (tool) => {
    const log: Readonly<Record<string, string>> = tool.log ?? {};
    const fields = Object.keys(tool.input.shape);
    return [
      ...fields
        .filter((field) => !POLICIES.includes(log[field] ?? ''))
        .map((field) => `log must have an entry for ${field}: 'plain', 'hash', 'length', 'keys' or 'omit'.`),
      ...Object.keys(log)
        .filter((field) => !fields.includes(field))
        .map((field) => `log has an entry for ${field}, which is not an argument: remove it.`),
    ];
  },

  // The SDK validates such headers in its high-level server only, which is not used here.
  'has no argument that is sent as a header too': (tool) =>
    [...subschemas(listing(tool).inputSchema)]
      .filter(([, schema]) => Object.hasOwn(schema, 'x-mcp-header'))
      .map(([path]) => `${path}: remove x-mcp-header.`),

  'has no argument that names a tenant': (tool) =>
    [...subschemas(listing(tool).inputSchema)]
      .flatMap(([, schema]) => Object.keys(properties(schema)))
      .filter(namesTenant)
      .map(
        (field) => `Rename the argument ${field}: the tenant comes from the token, never from an argument.`,
      ),

  'has a portable input schema': (tool) => {
    const { inputSchema } = listing(tool);
    return [
      ...portable('input', inputSchema),
      ...unless(Array.isArray(inputSchema.required), 'The published input schema must have required.'),
      ...untyped(inputSchema),
    ];
  },

  'bounds every argument': (tool) => [...subschemas(jsonSchema(tool.input, 'input'))].flatMap(unbounded),

  'publishes no bound': (tool) => {
    const bounds = ['maxLength', 'minLength', 'pattern', 'minimum', 'maximum', 'minItems', 'maxItems'];
    return [...subschemas(listing(tool).inputSchema)]
      .filter(([path]) => !path.endsWith('.properties'))
      .flatMap(([path, schema]) =>
        bounds
          .filter((bound) => Object.hasOwn(schema, bound))
          .map((bound) => `${path}: ${bound} must not be published; the refusal names it.`),
      );
  },

  'has a portable output schema that admits an error': (tool) => {
    const { outputSchema } = listing(tool);
    return [
      ...portable('output', outputSchema),
      ...unless(
        !Object.hasOwn(outputSchema, 'required'),
        'The published output schema must require nothing.',
      ),
      ...unless(
        Object.hasOwn(properties(outputSchema), 'error'),
        'The published output schema must have error.',
      ),
      ...unless(tool.output.def.catchall instanceof z.ZodNever, 'output must be a z.strictObject.'),
    ];
  },
};

function portable(side: string, root: Schema): string[] {
  const roots = ['anyOf', 'oneOf', 'allOf', '$ref', '$schema', '$defs'].filter((keyword) =>
    Object.hasOwn(root, keyword),
  );
  return [
    ...unless(
      root.type === 'object' && root.additionalProperties === false,
      `${side} must be a z.strictObject.`,
    ),
    ...roots.map((keyword) => `${side} has ${keyword} at its root, which some clients do not support.`),
    ...[...subschemas(root)].flatMap(([path, schema]) => [
      ...unless(!Object.hasOwn(schema, '$ref'), `${path}: $ref is not supported by some clients.`),
      ...unless(schema.type !== 'array' || Object.hasOwn(schema, 'items'), `${path}: the list needs items.`),
      ...unless(
        schema.type !== 'object' || typeof (schema.additionalProperties ?? false) === 'boolean',
        `${path}: additionalProperties must be a boolean.`,
      ),
    ]),
  ];
}

/** The arguments and items without a type, which some clients send as JSON text and some refuse. */
function untyped(root: Schema): string[] {
  return [...subschemas(root)]
    .filter(([path]) => /\.(?:items|properties\.[^.]+)$/.test(path))
    .filter(([, schema]) => schema.type === undefined)
    .map(([path]) => `${path}: it needs a type; anyJson() of src/tools/fields.ts gives that of any JSON.`);
}

/** What has no upper bound in a part of an input schema; an unbounded argument lets a caller send any amount of data. */
function unbounded([path, schema]: [path: string, schema: Schema]): string[] {
  const isNumber = (value: unknown) => typeof value === 'number';
  switch (schema.type) {
    case 'array':
      return unless(isNumber(schema.maxItems), `${path}: the list needs .max(…).`);
    case 'integer':
    case 'number':
      return unless(
        isNumber(schema.minimum ?? schema.exclusiveMinimum) &&
          isNumber(schema.maximum) &&
          Number(schema.maximum) < Number.MAX_SAFE_INTEGER,
        `${path}: the number needs .min(…) and .max(…).`,
      );
    case 'string':
      return unless(
        schema.enum !== undefined || schema.const !== undefined || isNumber(schema.maxLength),
        `${path}: the text needs a maximum length, as text(min, max) of src/tools/fields.ts gives it.`,
      );
    default:
      return [];
  }
}
