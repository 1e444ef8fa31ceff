/** Serve MCP's `resources/list` and `resources/read`: every unexpired cell of every board is a resource. */
import * as z from 'zod';
import { loadCells, NOT_EXPIRED, unlessExpired } from '../tools/blackboard/cell.ts';
import { revision } from '../tools/blackboard/fields.ts';
import { MAX_VALUE_BYTES } from '../tools/blackboard/value.ts';
import { cursorsOf, MAX_CURSOR_CHARS } from '../tools/cursor.ts';
import { count, keyPath, limit, shortName } from '../tools/fields.ts';
import { defineTool } from '../tools/tool.ts';

const MAX_PAGE = 200;

const annotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

/** A position is the board and key of the last entry of the page. */
const CURSORS = cursorsOf('resources_list', z.tuple([z.string(), z.string()]));

type Row = { run_id: string; key: string; rev: number; bytes: number; updated_at: number };

/** All unexpired cells, ordered by board and key. `bytes` is the size of the value's JSON text in UTF-8. */
export const resourcesList = defineTool({
  name: 'resources_list',
  title: 'List cells as resources',
  description: 'Lists all unexpired cells, ordered by board and key.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: z.strictObject({
    cursor: z.string().min(1).max(MAX_CURSOR_CHARS).optional(),
    limit: limit(50, MAX_PAGE),
  }),
  output: z.strictObject({
    entries: z.array(
      z.strictObject({
        run_id: z.string(),
        key: z.string(),
        rev: revision(),
        bytes: count(),
        updated_at: z.iso.datetime(),
      }),
    ),
    next_cursor: z.string().optional(),
  }),
  log: { cursor: 'length', limit: 'plain' },
  run(args, context) {
    const [runId, key] = args.cursor === undefined ? ['', ''] : CURSORS.decode(context, 'all', args.cursor);
    const rows = context.sql.exec<Row>(
      `SELECT run_id, key, rev, bytes, updated_at FROM board_cells
       WHERE (run_id, key) > (?, ?) AND ${NOT_EXPIRED} ORDER BY run_id, key LIMIT ?`,
      runId,
      key,
      context.now,
      args.limit + 1,
    );
    const page = rows.slice(0, args.limit);
    const last = rows.length > page.length ? page.at(-1) : undefined;
    return {
      entries: page.map(({ run_id, key, rev, bytes, updated_at }) => ({
        run_id,
        key,
        rev,
        bytes,
        updated_at: new Date(updated_at).toISOString(),
      })),
      next_cursor: last === undefined ? undefined : CURSORS.encode(context, 'all', [last.run_id, last.key]),
    };
  },
});

/** The full value of a cell, up to 1 MiB, as JSON text. */
export const resourcesRead = defineTool({
  name: 'resources_read',
  title: 'Read a cell as a resource',
  description: 'Returns the full value of one cell as JSON text.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: z.strictObject({ run_id: shortName(), key: keyPath() }),
  output: z.strictObject({
    found: z.boolean(),
    json: z.string().optional(),
    rev: revision().optional(),
    updated_at: z.iso.datetime().optional(),
  }),
  log: { run_id: 'plain', key: 'plain' },
  run({ run_id, key }, { sql, now }) {
    const cell = unlessExpired(loadCells(sql, run_id, [key], MAX_VALUE_BYTES).get(key), now);
    if (cell === undefined) return { found: false };
    return {
      found: true,
      json: cell.value,
      rev: cell.rev,
      updated_at: new Date(cell.updated_at).toISOString(),
    };
  },
});
