import * as z from 'zod';
import { AnswerBudget } from '../answer-budget.ts';
import { cursorsOf, MAX_CURSOR_CHARS } from '../cursor.ts';
import { count, howToGetTheRest, limit, optionalName, tags, text } from '../fields.ts';
import { ageSeconds, secondsLeft } from '../time.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { listBoards } from './boards.ts';
import { CLAIM_STATES, describeClaim } from './claim-state.ts';
import { hasUnclearedClaims } from './expiry.ts';
import { claimFields, DEFAULT_RUN, prefixFilter } from './fields.ts';
import { type ListedCell, type Page, pageByKey, type Selection } from './listing.ts';
import { pageByScore } from './search.ts';
import { indexPending } from './search-index.ts';
import { isCompact, showAuthor, showTags } from './show-cell.ts';
import { COMPACT_PREVIEW_CHARS, preview } from './value.ts';

const MAX_QUERY_CHARS = 512;
/** Their positions are the last board, the last key and the number of results of the previous page. */
const BOARD_CURSORS = cursorsOf('blackboard_list boards', z.string());
const KEY_CURSORS = cursorsOf('blackboard_list keys', z.string());
const SCORE_CURSORS = cursorsOf('blackboard_list scores', count());

const input = z.strictObject({
  run_id: optionalName(),
  agent: optionalName().describe('Only keys under <agent>/.'),
  prefix: prefixFilter(),
  query: text(1, MAX_QUERY_CHARS).optional().describe('Words in keys, tags or values.'),
  tags: tags().describe('All of these.'),
  claimed: z
    .enum(['any', ...CLAIM_STATES])
    .optional()
    .describe('dead: 5 attempts failed.'),
  limit: limit(50, 200).describe('Up to 200, default 50.'),
  cursor: z.string().min(1).max(MAX_CURSOR_CHARS).optional().describe('next_cursor.'),
});

const output = z.strictObject({
  entries: z
    .array(
      z.strictObject({
        key: z.string(),
        rev: count(),
        by: z.string().optional().describe('Omitted if the author gave no name.'),
        age_s: count(),
        expires_in_s: count().optional(),
        bytes: count().optional().describe('Omitted on a page of more than 20 entries.'),
        tags: z.array(z.string()).optional(),
        claimed_by: z.string().optional(),
        claim: z
          .strictObject({ state: z.enum(CLAIM_STATES), ...claimFields })
          .optional()
          .describe('Omitted if the cell was not claimed since its value was written.'),
        preview: z.string().describe('Start of the JSON text; short on a page of more than 20 entries.'),
        score: z.number().optional().describe('With query: higher is better.'),
      }),
    )
    .optional(),
  boards: z
    .array(
      z.strictObject({
        run_id: z.string(),
        cells: count().describe('Counted up to 1,000.'),
        age_s: count().describe('Since the last write.'),
      }),
    )
    .optional(),
  total: count(),
  total_is_minimum: z.literal(true).optional().describe('The real total is higher.'),
  next_cursor: z.string().optional(),
  hint: howToGetTheRest(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

export const blackboardList = defineTool({
  name: 'blackboard_list',
  title: 'List a blackboard',
  description:
    'Finds what agents stored on a board: cells with rev, author, age, size, tags and a preview, by key or, with query, by relevance. ' +
    'Without arguments: the boards.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: {
    run_id: 'plain',
    agent: 'plain',
    prefix: 'plain',
    query: 'length',
    tags: 'plain',
    claimed: 'plain',
    limit: 'plain',
    cursor: 'length',
  },
  run(args, context) {
    const { run_id, agent, prefix, query, tags, claimed } = args;
    const isFiltered = [run_id, agent, prefix, query, tags, claimed].some(
      (argument) => argument !== undefined,
    );
    return isFiltered ? listCells(args, context) : listBoardPage(args, context);
  },
});

function listBoardPage(args: Args, context: ToolContext): Answer {
  const { sql, now } = context;
  const after = args.cursor === undefined ? '' : BOARD_CURSORS.decode(context, 'all', args.cursor);
  const { boards: page, more, total, isMinimum } = listBoards(sql, after, args.limit, now);
  const entries = page.map(({ run_id, cells, updated_at }) => ({
    run_id,
    cells,
    age_s: ageSeconds(updated_at, now),
  }));
  const boards = new AnswerBudget(context.answerBytes).first(entries);
  const isCut = boards.length < entries.length;
  const last = more || isCut ? boards.at(-1) : undefined;
  return {
    boards: [...boards],
    total,
    total_is_minimum: isMinimum ? true : undefined,
    next_cursor: last && BOARD_CURSORS.encode(context, 'all', last.run_id),
    hint: isCut ? CUT_HINT : undefined,
  };
}

function listCells(args: Args, context: ToolContext): Answer {
  const { sql, now } = context;
  const runId = args.run_id ?? DEFAULT_RUN;
  const prefix = `${args.agent === undefined ? '' : `${args.agent}/`}${args.prefix ?? ''}`;
  const tags = [...new Set(args.tags)].sort();
  const state = args.claimed === 'any' ? undefined : args.claimed;
  const filters = [runId, prefix, tags, args.query ?? null, state ?? null];
  const selection = { runId, prefix, tags, state, now };
  const isComplete = state === undefined || !hasUnclearedClaims(sql, runId, now);
  const page =
    args.query === undefined
      ? keyPage(args, filters, selection, context)
      : scorePage(args, args.query, filters, selection, context);
  const described = page.cells.map((cell) => describe(cell, isCompact(page.cells.length), now));
  const entries = new AnswerBudget(context.answerBytes).first(described);
  const isCut = entries.length < described.length;
  return {
    entries: [...entries],
    total: page.total,
    total_is_minimum: page.isMinimum || !isComplete ? true : undefined,
    next_cursor: page.cursorAfter(isCut ? entries.length : undefined),
    hint: isCut ? CUT_HINT : undefined,
  };
}

const CUT_HINT = 'The page ends where an answer would become too large. next_cursor continues it.';

/** `cursorAfter`: the cursor of the next page if this one ends after so many cells; without a number, after all of them. */
type CellPage = Omit<Page<unknown>, 'next'> & { cursorAfter(cells: number | undefined): string | undefined };

function keyPage(
  { cursor, limit }: Args,
  filters: unknown,
  selection: Selection,
  context: ToolContext,
): CellPage {
  const after = cursor === undefined ? undefined : KEY_CURSORS.decode(context, filters, cursor);
  const { next, ...page } = pageByKey(context.sql, selection, after, limit);
  const cursorAfter = (cells: number | undefined) => {
    const last = cells === undefined ? next : page.cells[cells - 1]?.key;
    return last === undefined ? undefined : KEY_CURSORS.encode(context, filters, last);
  };
  return { ...page, cursorAfter };
}

function scorePage(
  { cursor, limit }: Args,
  query: string,
  filters: unknown,
  selection: Selection,
  context: ToolContext,
): CellPage {
  const offset = cursor === undefined ? 0 : SCORE_CURSORS.decode(context, filters, cursor);
  indexPending(context.sql);
  const { next, ...page } = pageByScore(context.sql, selection, query, offset, limit);
  const cursorAfter = (cells: number | undefined) => {
    const seen = cells === undefined ? next : offset + cells;
    return seen === undefined ? undefined : SCORE_CURSORS.encode(context, filters, seen);
  };
  return { ...page, cursorAfter };
}

function describe(cell: ListedCell, compact: boolean, now: number): NonNullable<Answer['entries']>[number] {
  const claim = describeClaim(cell, now);
  return {
    key: cell.key,
    rev: cell.rev,
    ...showAuthor(cell),
    age_s: ageSeconds(cell.updated_at, now),
    expires_in_s: secondsLeft(cell.expires_at, now),
    bytes: compact ? undefined : cell.bytes,
    ...showTags(cell.tags),
    claimed_by: claim?.by,
    claim: claim === undefined ? undefined : withoutHolder(claim),
    preview: preview(cell.value, compact ? COMPACT_PREVIEW_CHARS : undefined),
    score: cell.score === null ? undefined : Number(cell.score.toPrecision(4)),
  };
}

/** The holder is shown as `claimed_by`. */
function withoutHolder({ by: _, fence: __, ...claim }: NonNullable<ReturnType<typeof describeClaim>>) {
  return claim;
}
