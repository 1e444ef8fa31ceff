import * as z from 'zod';
import { cursorsOf } from '../cursor.ts';
import { count, cursor, limit, optionalName, tags, text } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { countStates, type Index, type ListFilter, listIdentity, pageOfScars, SORTS } from './list-query.ts';
import { listedSchema, listedView } from './output.ts';
import { SEVERITIES, STATES, type State } from './state.ts';
import { redacted } from './texts.ts';

const MAX_QUERY_CHARS = 512;
const DEFAULT_LISTED = 20;
const MAX_LISTED = 100;
const HIDDEN = ['muted', 'archived'] as const;

const input = z.strictObject({
  query: text(1, MAX_QUERY_CHARS)
    .optional()
    .describe('Words to find in messages, contexts, actions, names, causes and tags.'),
  project: optionalName(),
  tool: optionalName(),
  error_type: optionalName(256),
  status: z.enum(STATES).optional().describe('Default: all but muted and archived.'),
  severity: z.enum(SEVERITIES).optional(),
  tags: tags().describe('Only scars with all of these.'),
  sort: z.enum(SORTS).optional().describe('Default: relevance with query, else recent.'),
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
    'Lists recorded failures, newest first or by query, filtered by project, tool, error_type, status, severity and ' +
    'tags. Use it to review or clean up; for a current failure use scar_lookup. `hidden` counts further muted and ' +
    "archived ones. Pass an entry's rev as if_rev to scar_update.",
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    scars: z.array(listedSchema),
    total: count(),
    hidden: z.strictObject({ muted: count(), archived: count() }),
    next_cursor: z.string().optional(),
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
    const { index, counts } = countMatches(sql, wanted, from?.index);
    const states = args.status === undefined ? STATES.filter((state) => !isHidden(state)) : [args.status];
    const asOf = from?.as_of ?? now;
    const after = from && { place: from.place, id: from.id };
    const page = { index, states, sort, asOf, after, limit: args.limit + 1 } as const;
    const found = pageOfScars(sql, wanted, page);
    const shown = found.slice(0, args.limit);
    const last = shown.at(-1);
    const next =
      last && found.length > shown.length
        ? { place: last.place, id: last.id, index, as_of: asOf }
        : undefined;
    const hiddenOf = (state: (typeof HIDDEN)[number]) =>
      args.status === state ? 0 : (counts.get(state) ?? 0);
    return {
      scars: shown.map((scar) => listedView(scar, scar.fixes, now)),
      total: states.reduce<number>((sum, state) => sum + (counts.get(state) ?? 0), 0),
      hidden: { muted: hiddenOf('muted'), archived: hiddenOf('archived') },
      next_cursor: next && CURSORS.encode(context, identity, next),
    };
  },
});

const isHidden = (state: (typeof STATES)[number]) => HIDDEN.some((hidden) => hidden === state);

/** Counts the matches per state. A query without a match among whole words is searched by trigrams instead. */
function countMatches(
  sql: ToolContext['sql'],
  wanted: ListFilter,
  index: Index | undefined,
): { index: Index; counts: Map<State, number> } {
  const first = index ?? 'scar_words';
  const counts = countStates(sql, wanted, first);
  if (index !== undefined || wanted.query === undefined || counts.size > 0) return { index: first, counts };
  return { index: 'scar_trigrams', counts: countStates(sql, wanted, 'scar_trigrams') };
}
