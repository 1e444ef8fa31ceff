import * as z from 'zod';
import { count, shortName } from '../fields.ts';
import { defineTool } from '../tool.ts';
import { parseScarId } from './store.ts';

const output = z.strictObject({
  status: z.enum(['deleted', 'would_delete', 'none']).describe('none: no such scar.'),
  deleted: z
    .strictObject({ scar: count(), fixes: count() })
    .describe('Counts; with dry_run, what would be deleted.'),
});
type Answer = z.output<typeof output>;

export const scarDelete = defineTool({
  name: 'scar_delete',
  title: 'Delete a failure',
  description: 'Deletes a scar with its fixes for good. To silence it, mute it by scar_update.',
  scope: 'scar:write',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    scar_id: shortName(64),
    dry_run: z.boolean().default(false),
  }),
  output,
  log: { scar_id: 'plain', dry_run: 'plain' },
  run(args, { sql, nextRev }): Answer {
    // The id of a merged scar is not followed here: the caller did not mean the scar that it was merged into.
    const id = parseScarId(args.scar_id) ?? 0;
    const [found] = sql.exec<{ fixes: number }>(
      'SELECT (SELECT count(*) FROM scar_fixes WHERE scar_id = s.id) AS fixes FROM scars AS s WHERE s.id = ?',
      id,
    );
    if (found === undefined) return { status: 'none', deleted: { scar: 0, fixes: 0 } };
    if (!args.dry_run) {
      nextRev();
      sql.exec('DELETE FROM scars WHERE id = ?', id);
    }
    return { status: args.dry_run ? 'would_delete' : 'deleted', deleted: { scar: 1, fixes: found.fixes } };
  },
});
