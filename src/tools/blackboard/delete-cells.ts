import type { Sql, ToolContext } from '../tool.ts';
import { boardTopic } from './fields.ts';
import { deleteEntries } from './search-index.ts';

/** Deletes cells of a board and logs a `delete` event with a revision of its own for each. Claims on them are lost. */
export function deleteCells(context: ToolContext, runId: string, ids: readonly number[]): void {
  context.touch(boardTopic(runId));
  const cells = context.sql.exec<{ key: string }>(
    'SELECT key FROM board_cells WHERE id IN (SELECT value FROM json_each(?)) ORDER BY key',
    JSON.stringify(ids),
  );
  // The cells first: their pages are then free for the events, also on a full disk.
  deleteCellRows(context.sql, ids);
  context.sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, tags, listed)
     SELECT pair.value ->> 0, ?, pair.value ->> 1, 'delete', ?, ?, ?, '[]', 1 FROM json_each(?) AS pair`,
    runId,
    context.author.principal,
    context.author.principal,
    context.now,
    JSON.stringify(cells.map(({ key }) => [context.nextRev(), key])),
  );
}

/** Removes the rows of cells, their tags and their index entries. Logs no event: used alone, it is for expired cells. */
export function deleteCellRows(sql: Sql, ids: readonly number[]): void {
  const list = JSON.stringify(ids);
  const chosen = 'IN (SELECT value FROM json_each(?))';
  sql.exec(
    `DELETE FROM board_tags WHERE (run_id, tag, key) IN
       (SELECT cell.run_id, tag.value, cell.key FROM board_cells AS cell, json_each(cell.tags) AS tag
        WHERE cell.id ${chosen})`,
    list,
  );
  deleteEntries(sql, ids);
  sql.exec(`DELETE FROM board_cells WHERE id ${chosen}`, list);
}
