import * as z from 'zod';
import { cursorsOf, MAX_CURSOR_CHARS } from '../../../tools/cursor.ts';
import { limit } from '../../../tools/fields.ts';
import type { RecordRow } from '../record.ts';
import { entriesOf, entrySchema } from './entry.ts';
import { conditionOf, filterFields, filterLog, idsOf } from './filter.ts';
import { keptIds } from './moments.ts';
import { defineReader } from './reader.ts';

/** Records that one page looks at, which takes some 10 ms: a page may have fewer entries than were asked for. */
export const SCANNED_PER_PAGE = 25_000;
export const MAX_PAGE = 200;

const CURSORS = cursorsOf('records', z.int().min(0));

export const cursorField = () => z.string().min(1).max(MAX_CURSOR_CHARS).optional().describe('next_cursor.');
export const nextCursor = () =>
  z.string().optional().describe('There are older entries, or may be: a page can be short, or empty.');

const input = z.strictObject({ ...filterFields, limit: limit(50, MAX_PAGE), cursor: cursorField() });
const output = z.strictObject({
  calls: z.array(entrySchema),
  newest: z
    .int()
    .describe('The newest record there was: a stream that resumes after it continues the first page.'),
  next_cursor: nextCursor(),
});

/** The calls and refusals, newest first. */
export const recordsList = defineReader({
  name: 'records_list',
  title: 'List records',
  description: 'Lists what was called and refused, newest first: by whom, how it ended, what it changed.',
  input,
  output,
  log: { ...filterLog, limit: 'plain', cursor: 'length' },
  read(args, context) {
    const { limit: wanted, cursor, ...filter } = args;
    const range = idsOf(context.sql, filter, context.now);
    const from =
      cursor === undefined ? range.last : Math.min(range.last, CURSORS.decode(context, filter, cursor));
    const floor = Math.max(range.first, from - SCANNED_PER_PAGE + 1);
    const condition = conditionOf(filter, context.now);
    const rows = context.sql.exec<RecordRow>(
      `SELECT * FROM records WHERE id >= ? AND id <= ? AND ${condition.sql} ORDER BY id DESC LIMIT ?`,
      floor,
      from,
      ...condition.bindings,
      wanted,
    );
    const next = (rows.length === wanted ? (rows.at(-1)?.id ?? 0) : floor) - 1;
    return {
      calls: entriesOf(context.sql, rows),
      newest: keptIds(context.sql).last,
      next_cursor: next < range.first ? undefined : CURSORS.encode(context, filter, next),
    };
  },
});
