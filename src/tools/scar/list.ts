import * as z from 'zod';
import { AnswerBudget } from '../answer-budget.ts';
import { cursorsOf } from '../cursor.ts';
import { count, cursor, howToGetTheRest, limit, optionalName, tags, text } from '../fields.ts';
import { defineTool } from '../tool.ts';
import {
  countStates,
  type ListFilter,
  listIdentity,
  pageOfHits,
  pageOfScars,
  SORTS,
  searchScars,
} from './list-query.ts';
import { listedSchema, listedView } from './output.ts';
import { SEVERITIES, STATES } from './state.ts';
import { redacted } from './texts.ts';

const MAX_QUERY_CHARS = 512;
const DEFAULT_LISTED = 20;
const MAX_LISTED = 100;
const HIDDEN = ['muted', 'archived'] as const;

const input = z.strictObject({
  query: text(1, MAX_QUERY_CHARS).optional(),
  project: optionalName(),
  tool: optionalName(),
  error_type: optionalName(256),
  status: z.enum(STATES).optional(),
  severity: z.enum(SEVERITIES).optional(),
  tags: tags().describe('All of these.'),
  sort: z.enum(SORTS).optional(),
  limit: limit(DEFAULT_LISTED, MAX_LISTED),
  cursor: cursor(),
});

/** A position is the last entry of the page, with what all pages of one list share. */
const CURSORS = cursorsOf(
  'scar_list',
  z.strictObject({
    place: z.number(),
    id: z.int(),
    index: z.enum(['scar_words', 'scar_trigrams']),
    as_of: z.int(),
  }),
);

export const scarList = defineTool({
  name: 'scar_list',
  title: 'List failures',
  description:
    'Surveys recorded failures, newest first or by query, to review or clean up. For a failure at hand use scar_lookup.',
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    scars: z.array(listedSchema),
    total: count(),
    total_is_minimum: z.literal(true).optional().describe('The real numbers can be higher.'),
    hidden: z
      .strictObject({ muted: count(), archived: count() })
      .optional()
      .describe('Omitted if none is hidden.'),
    next_cursor: z.string().optional(),
    hint: howToGetTheRest(),
  }),
  log: {
    query: 'length',
    project: 'plain',
    tool: 'plain',
    error_type: 'plain',
    status: 'plain',
    severity: 'plain',
    tags: 'plain',
    sort: 'plain',
    limit: 'plain',
    cursor: 'length',
  },
  run(args, context) {
    const { sql, now } = context;
    const wanted: ListFilter = {
      query: args.query,
      project: redacted(args.project),
      tool: redacted(args.tool),
      errorType: redacted(args.error_type),
      severity: args.severity ?? null,
      tags: JSON.stringify([...new Set((args.tags ?? []).map((tag) => redacted(tag)))].sort()),
    };
    const sort = args.sort ?? (args.query === undefined ? 'recent' : 'relevant');
    const identity = listIdentity(wanted, sort, args.status);
    const from = args.cursor === undefined ? undefined : CURSORS.decode(context, identity, args.cursor);
    const states = args.status === undefined ? STATES.filter((state) => !isHidden(state)) : [args.status];
    const asOf = from?.as_of ?? now;
    const after = from && { place: from.place, id: from.id };
    const order = { states, asOf, after, limit: args.limit } as const;
    const found =
      args.query === undefined
        ? { index: 'scar_words' as const, ...countStates(sql, wanted) }
        : searchScars(sql, wanted, args.query, from?.index);
    const page =
      'hits' in found
        ? pageOfHits(sql, found, { ...order, sort })
        : pageOfScars(sql, wanted, { ...order, sort: args.sort ?? 'recent' });
    const { counts, index } = found;
    const described = page.scars.map((scar) => listedView(scar, scar.fixes, context));
    const scars = new AnswerBudget(context.answerBytes).first(described);
    const isCut = scars.length < described.length;
    const last = isCut ? page.scars[scars.length - 1] : page.next;
    const next = last && { place: last.place, id: last.id, index, as_of: asOf };
    const hiddenOf = (state: (typeof HIDDEN)[number]) =>
      args.status === state ? 0 : (counts.get(state) ?? 0);
    const [muted, archived] = [hiddenOf('muted'), hiddenOf('archived')];
    return {
      scars: [...scars],
      total: states.reduce<number>((sum, state) => sum + (counts.get(state) ?? 0), 0),
      total_is_minimum: found.isMinimum ? (true as const) : undefined,
      hidden: muted + archived === 0 ? undefined : { muted, archived },
      next_cursor: next && CURSORS.encode(context, identity, next),
      hint: isCut ? CUT_HINT : undefined,
    };
  },
});

const CUT_HINT = 'The page ends where an answer would become too large. next_cursor continues it.';

const isHidden = (state: (typeof STATES)[number]) => HIDDEN.some((hidden) => hidden === state);
