import * as z from 'zod';
import { limit } from '../../../tools/fields.ts';
import type { RecordRow } from '../record.ts';
import { MAX_PAGE, SCANNED_PER_PAGE } from './calls.ts';
import { entriesOf, entrySchema } from './entry.ts';
import { conditionOf, filterFields, filterLog } from './filter.ts';
import { keptIds } from './moments.ts';
import { defineReader } from './reader.ts';

/** The calls after a record, oldest first: what a stream of calls sends next. */
export const recordsFollow = defineReader({
  name: 'records_follow',
  title: 'Follow records',
  description: 'Lists what was called and refused after a record, oldest first, and how far it has looked.',
  input: z.strictObject({
    ...filterFields,
    after: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER - 1)

      .optional()
      .describe('The id of a record; without it only the newest id is told.'),
    limit: limit(MAX_PAGE, MAX_PAGE),
  }),
  output: z.strictObject({ calls: z.array(entrySchema), up_to: z.int() }),
  log: { ...filterLog, after: 'plain', limit: 'plain' },
  read({ after, limit: wanted, ...filter }, { sql, now }) {
    const { first, last } = keptIds(sql);
    if (after === undefined) return { calls: [], up_to: last };
    // An id that is not there yet is of a tenant that was erased since.
    const from = Math.max(first, (after > last ? 0 : after) + 1);
    const end = Math.min(last, from + SCANNED_PER_PAGE - 1);
    const condition = conditionOf(filter, now);
    const rows = sql.exec<RecordRow>(
      `SELECT * FROM records WHERE id >= ? AND id <= ? AND ${condition.sql} ORDER BY id LIMIT ?`,
      from,
      end,
      ...condition.bindings,
      wanted,
    );
    const upTo = rows.length === wanted ? (rows.at(-1)?.id ?? end) : end;
    return { calls: entriesOf(sql, rows), up_to: Math.max(upTo, Math.min(after, last)) };
  },
});
