/** Removes the rows of cells, their tags and their index entries. */
import type { Sql } from '../tool.ts';
import { deleteEntries } from './search-index.ts';

/** Logs no event: the caller does. */
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
