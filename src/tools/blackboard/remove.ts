import type { Sql, ToolContext } from '../tool.ts';
import { boardTopic } from './fields.ts';

/** Deletes cells of a board, each with an event of its own revision. A claim on one of them is lost. */
export function deleteCells(context: ToolContext, runId: string, ids: readonly number[]): void {
  context.touch(boardTopic(runId));
  const revs = ids.map((id) => [id, context.nextRev()]);
  context.sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, tags, listed)
     SELECT pair.value ->> 1, cell.run_id, cell.key, 'delete', ?, ?, ?, '[]', 1
     FROM json_each(?) AS pair JOIN board_cells AS cell ON cell.id = pair.value ->> 0`,
    context.author.principal,
    context.author.principal,
    context.now,
    JSON.stringify(revs),
  );
  dropCells(context.sql, ids);
}

/** Removes cells with their tags and index entries, without a trace in the history. */
export function dropCells(sql: Sql, ids: readonly number[]): void {
  const list = JSON.stringify(ids);
  const chosen = 'IN (SELECT value FROM json_each(?))';
  sql.exec(
    `DELETE FROM board_tags WHERE (run_id, tag, key) IN
       (SELECT cell.run_id, tag.value, cell.key FROM board_cells AS cell, json_each(cell.tags) AS tag
        WHERE cell.id ${chosen})`,
    list,
  );
  sql.exec(`DELETE FROM board_words WHERE rowid ${chosen}`, list);
  sql.exec(`DELETE FROM board_grams WHERE rowid ${chosen}`, list);
  sql.exec(`DELETE FROM board_cells WHERE id ${chosen}`, list);
}
