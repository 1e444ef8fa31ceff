import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { fitAnswer } from '../../src/remote/fit-answer.ts';
import { listing } from '../../src/tools/catalogue.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';

/** A model gets 64 KiB of a remote tool's answer at most. What is left out is named, and can be had. */

const ANSWER_BYTES = 64 * 1024;
const sizeOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).byteLength;

const toolOf = (output: z.ZodObject, { asks = false, readOnlyHint = true } = {}) =>
  defineRemoteTool({
    kind: 'remote',
    name: 'scar_fetch',
    title: 'Fetch',
    description: 'Answers what the test says.',
    scope: 'scar:read',
    cost: 1,
    asks,
    connections: {},
    annotations: { readOnlyHint, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({ limit: z.int().min(1).max(9).default(1) }),
    output,
    log: { limit: 'plain' },
    run: async () => ({}),
  });
const contacts = z.strictObject({
  contacts: z.array(z.strictObject({ id: z.int(), note: z.string() })),
  total: z.int(),
});
const listOf = (count: number, note: string) => ({
  contacts: Array.from({ length: count }, (_, id) => ({ id, note })),
  total: count,
});

test('a small answer is as it is', () => {
  const answer = listOf(3, 'n');
  expect(fitAnswer(toolOf(contacts), answer)).toBe(answer);
});

test('of a list the first entries are kept whole, and the rest is counted', () => {
  const answer = listOf(1000, 'x'.repeat(200));
  const cut = contacts.extend({ left_out: z.unknown() }).parse(fitAnswer(toolOf(contacts), answer));
  expect(sizeOf(cut)).toBeLessThanOrEqual(ANSWER_BYTES);
  expect(sizeOf(cut)).toBeGreaterThan(0.8 * ANSWER_BYTES);
  expect(cut.contacts).toEqual(answer.contacts.slice(0, cut.contacts.length));
  expect(cut.total).toBe(1000);
  const rest = answer.contacts.slice(cut.contacts.length);
  expect(cut.left_out).toEqual({
    parts: [{ path: 'contacts', entries: rest.length, bytes: sizeOf(rest) - 2 }],
    hint: 'Ask for less with limit, or call POST /v1/tools/scar_fetch, which answers whole.',
  });
});

test('of a text the start is kept, and small members beside it are whole', () => {
  const output = z.strictObject({ page: z.strictObject({ title: z.string(), body: z.string() }) });
  const answer = { page: { title: 'Returns', body: '😀"'.repeat(50_000) } };
  const cut = fitAnswer(toolOf(output), answer);
  const { page } = output.extend({ left_out: z.unknown() }).parse(cut);
  expect(sizeOf(cut)).toBeLessThanOrEqual(ANSWER_BYTES);
  expect(page.title).toBe('Returns');
  expect(answer.page.body.startsWith(page.body)).toBe(true);
  expect(page.body.length).toBeGreaterThan(10_000);
  expect(page.body).not.toMatch(/[\ud800-\udbff]$/);
  const bytes = sizeOf(answer.page.body) - sizeOf(page.body);
  expect(cut).toMatchObject({ left_out: { parts: [{ path: 'page.body', bytes }] } });
});

test('of a first entry that is too large the start is kept', () => {
  const answer = listOf(3, 'x'.repeat(100_000));
  expect(fitAnswer(toolOf(contacts), answer)).toMatchObject({
    contacts: [{ id: 0, note: expect.stringMatching(/^x{50000,}$/) }],
    left_out: { parts: [{ path: 'contacts[0].note' }, { path: 'contacts', entries: 2 }] },
  });
});

test('one that could not be the answer of the tool any more is refused with what to do', () => {
  const exact = z.strictObject({ hash: z.string().length(100_000) });
  const failureOf = (tool: Parameters<typeof fitAnswer>[0], answer: Record<string, unknown>) => {
    try {
      fitAnswer(tool, answer);
    } catch (cause) {
      if (cause instanceof ToolError) return cause;
    }
    throw new Error('it was not refused');
  };
  const answer = { hash: 'x'.repeat(100_000) };
  expect(failureOf(toolOf(exact), answer)).toMatchObject({
    code: 'too_large',
    detail: { limit: ANSWER_BYTES },
  });
  expect(failureOf(toolOf(exact, { asks: true }), answer).message).not.toContain('/v1');
  expect(failureOf(toolOf(exact, { readOnlyHint: false }), answer).message).toContain('do not repeat it');
});

test('whatever a tool answers, what a model gets fits, and is a part of it', () => {
  const output = z.strictObject({ data: z.json() });
  const text = fc.oneof(
    fc.string({ maxLength: 50 }),
    fc.nat(12_000).map((n) => 'é"'.repeat(n)),
  );
  const value = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.array(tie('node'), { maxLength: 30 }),
      fc.dictionary(fc.string({ maxLength: 300 }), tie('node'), { maxKeys: 10 }),
    ),
  })).node;
  const isPart = (part: unknown, whole: unknown): boolean => {
    if (typeof part === 'string' && typeof whole === 'string') return whole.startsWith(part);
    if (typeof part !== 'object' || part === null || typeof whole !== 'object' || whole === null)
      return part === whole;
    return Object.entries(part).every(([name, inner]) => isPart(inner, Reflect.get(whole, name)));
  };
  fc.assert(
    fc.property(value, (data) => {
      const answer = { data };
      let cut: Record<string, unknown>;
      try {
        cut = fitAnswer(toolOf(output), answer);
      } catch (cause) {
        return cause instanceof ToolError && cause.code === 'too_large';
      }
      return sizeOf(cut) <= ANSWER_BYTES && isPart(cut.data, data);
    }),
    { numRuns: 25 },
  );
});

test('the list of tools says that a part can be left out', () => {
  expect(listing(toolOf(contacts)).outputSchema).toMatchObject({
    properties: { left_out: { properties: { parts: { type: 'array' }, hint: { type: 'string' } } } },
  });
});
