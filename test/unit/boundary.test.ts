import { expect, test } from 'vitest';
import * as z from 'zod';
import { createCatalogue } from '../../src/tools/catalogue.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { defineTool, type ToolContext } from '../../src/tools/tool.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';

/** A tool that does `act` and then answers. */
function toolThat(act: (context: ToolContext, secret: string) => unknown) {
  return defineTool({
    name: 'probe',
    title: 'Probe',
    description: 'Does what the test says.',
    scope: 'blackboard:write',
    cost: 1,
    grows: true,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input: z.strictObject({ secret: z.string().default('') }),
    output: z.strictObject({ rev: z.int() }),
    log: { secret: 'omit' },
    run: ({ secret }, context) => {
      act(context, secret);
      return { rev: context.nextRev() };
    },
  });
}

function raise(thrown: unknown): never {
  throw thrown;
}

function recurse(depth: number): number {
  return recurse(depth + 1) + 1;
}

const hostile = new Proxy(new Error('hostile'), {
  get: () => raise(new Error('a getter threw')),
});

const THROWN: [string, (context: ToolContext) => unknown][] = [
  ['an Error', () => raise(new Error('database at /srv/secret/path is locked'))],
  ['a string', () => raise('a bare string')],
  ['undefined', () => raise(undefined)],
  ['null', () => raise(null)],
  ['an object that cannot be read', () => raise(hostile)],
  ['an SQL error', ({ sql }) => sql.exec('SELECT * FROM no_such_table')],
  ['a constraint error', ({ sql }) => sql.exec(`UPDATE tenant SET status = 'gone'`)],
  [
    'a quota error',
    () => raise(Object.assign(new Error('database or disk is full: SQLITE_FULL'), { code: 'SQLITE_FULL' })),
  ],
  ['a stack overflow', () => recurse(0)],
  ['an answer that is no JSON', ({ nextRev }) => raise(Object.assign(() => {}, { nextRev }))],
];

test.each(THROWN)(
  '%s becomes `internal` with an id; the log has the cause; nothing is kept; the next call works',
  (_, act) => {
    let failing = true;
    const tool = toolThat((context) => {
      if (!failing) return;
      context.sql.exec('UPDATE tenant SET created_at = 1');
      context.nextRev();
      act(context);
    });
    const { call, issue, db, lines } = createdCompartment({ catalogue: createCatalogue([tool]) });
    const token = issue();
    const outcome = call(token, 'probe');
    expect(outcome).toMatchObject({
      kind: 'error',
      error: { code: 'internal', retryable: false, trace_id: 'a'.repeat(32) },
    });
    const error = outcome.kind === 'error' ? outcome.error : undefined;
    expect(error?.error_id).toMatch(/^[0-9a-f]{16}$/);
    expect(error?.message).toBe(
      `The tool failed and nothing was changed. The operator finds the cause under error id ${error?.error_id}.`,
    );
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      code: 'internal',
      error_id: error?.error_id,
      cause: { name: expect.any(String) },
    });
    expect(db.exec('SELECT created_at FROM tenant')).not.toEqual([{ created_at: 1 }]);

    failing = false;
    expect(call(token, 'probe')).toEqual({ kind: 'answer', json: '{"rev":1}' });
  },
);

test('an expected failure keeps its code and fields, and undoes what the tool did', () => {
  const tool = toolThat(({ sql }) => {
    sql.exec('UPDATE tenant SET created_at = 1');
    raise(
      new ToolError('unknown_handle', 'No such thing; list them first.', { field: 'id', hint: 'try list' }),
    );
  });
  const { call, issue, db } = createdCompartment({ catalogue: createCatalogue([tool]) });
  expect(call(issue(), 'probe')).toEqual({
    kind: 'error',
    error: {
      code: 'unknown_handle',
      message: 'No such thing; list them first.',
      retryable: false,
      field: 'id',
      hint: 'try list',
      trace_id: 'a'.repeat(32),
    },
  });
  expect(db.exec('SELECT created_at FROM tenant')).not.toEqual([{ created_at: 1 }]);
});

test('what a tool puts of its arguments into an error is not in the log', () => {
  const tool = toolThat((_, secret) =>
    raise(new Error(`cannot parse ${secret} or ${JSON.stringify([secret])}`)),
  );
  const { call, issue, lines } = createdCompartment({ catalogue: createCatalogue([tool]) });
  call(issue(), 'probe', { secret: 'hunter2-and-more' });
  expect(lines.at(-1)?.cause?.message).toBe('cannot parse [argument] or ["[argument]"]');
  expect(JSON.stringify(lines)).not.toContain('hunter2');
});

test('a log that throws fails no call', () => {
  const log = () => raise(new Error('the log is gone'));
  const { call, issue } = createdCompartment({ catalogue: createCatalogue([toolThat(() => {})]), log });
  expect(call(issue(), 'probe')).toEqual({ kind: 'answer', json: '{"rev":1}' });
});

test('effect, charge and record of a write are one transaction', () => {
  const limits = { tenant: { rate: 1, burst: 2 }, tool: { rate: 1, burst: 2 } };
  const parts = { catalogue: createCatalogue([toolThat(() => {})]), limits };
  const { call, issue, db } = createdCompartment(parts);
  const token = issue();
  call(token, 'probe');
  expect(db.exec('SELECT tool, outcome, token_id FROM records')).toEqual([
    { tool: 'probe', outcome: 'answer', token_id: token },
  ]);
  // Nothing was written behind when the host ends.
  const next = openCompartment({ ...parts, db });
  expect(next.call(token, 'probe')).toEqual({ kind: 'answer', json: '{"rev":2}' });
  expect(next.call(token, 'probe')).toMatchObject({ kind: 'error', error: { code: 'rate_limited' } });
});

test('a full storage refuses calls that grow it, says the limit, and lets others pass', () => {
  const growing = toolThat(() => {});
  const reading = { ...growing, name: 'read', grows: false };
  const { call, issue } = createdCompartment({
    catalogue: createCatalogue([growing, reading]),
    storageQuotaBytes: 1,
  });
  const token = issue();
  expect(call(token, 'probe')).toMatchObject({
    kind: 'error',
    error: { code: 'quota_exceeded', limit: 1, retryable: true },
  });
  expect(call(token, 'read')).toMatchObject({ kind: 'answer' });
});

test('an answer beyond all bounds is refused', () => {
  const tool = { ...toolThat(() => {}), run: () => ({ rev: 0, text: 'x'.repeat(9 * 1024 * 1024) }) };
  const { call, issue } = createdCompartment({ catalogue: createCatalogue([tool]) });
  expect(call(issue(), 'probe')).toMatchObject({ kind: 'error', error: { code: 'too_large' } });
});
