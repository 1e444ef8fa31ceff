import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, optionalName, shortName, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { merge } from './merge.ts';
import { reindex } from './searchable.ts';
import { CLASSES, SEVERITIES } from './state.ts';
import { parseScarId, requireScar, type Scar, scarIdText } from './store.ts';
import { freeText, Redactor, requireFit } from './texts.ts';

const MAX_REV = 1_000_000_000_000;

const input = z.strictObject({
  scar_id: shortName(64).describe('From scar_record, scar_lookup or scar_list.'),
  cause: freeText('cause', 'Why it fails; an empty text takes it away.'),
  context: freeText('context', 'What was being done; an empty text takes it away.'),
  severity: z.enum(SEVERITIES).optional(),
  class: z.enum(CLASSES).optional(),
  tags: tags().describe('Instead of those it has.'),
  status: z
    .enum(['open', 'muted', 'archived'])
    .optional()
    .describe('muted and archived: still counted, but neither warned of nor found by similarity.'),
  merge_into: optionalName(64).describe(
    'The scar_id that this one is the same failure as; goes with no other change.',
  ),
  if_rev: z.int().min(0).max(MAX_REV).optional().describe('Change it only if it has this rev.'),
});
type Args = z.output<typeof input>;

const CHANGES = ['cause', 'context', 'severity', 'class', 'tags', 'status'] as const;

export const scarUpdate = defineTool({
  name: 'scar_update',
  title: 'Update a failure',
  description:
    'Corrects what is known of a scar, mutes, archives or reopens it, or merges it into another that is the same ' +
    'failure: fixes, counts, fingerprints and the old scar_id then lead there, and merging cannot be undone. Give only ' +
    'what changes. Credentials are taken out before anything is stored.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    status: z.enum(['updated', 'unchanged', 'merged', 'conflict']).describe('conflict: it has another rev.'),
    scar_id: z.string().describe('After a merge, the one that is left.'),
    rev: count(),
  }),
  log: {
    scar_id: 'plain',
    cause: 'length',
    context: 'length',
    severity: 'plain',
    class: 'plain',
    tags: 'plain',
    status: 'plain',
    merge_into: 'plain',
    if_rev: 'plain',
  },
  run(args, context) {
    requireFit(args);
    const scar = requireScar(context.sql, args.scar_id);
    const is = (status: 'updated' | 'unchanged' | 'merged' | 'conflict', { id, rev }: Scar) => ({
      status,
      scar_id: scarIdText(id),
      rev,
    });
    const into = args.merge_into === undefined ? undefined : target(args, args.merge_into, context);
    if (into !== undefined && into.id === scar.id) return is('unchanged', scar);
    if (args.if_rev !== undefined && args.if_rev !== scar.rev) return is('conflict', scar);
    if (into === undefined) {
      const rev = change(args, scar, context);
      return rev === undefined ? is('unchanged', scar) : is('updated', { ...scar, rev });
    }
    // What its old id stands for now is another scar, which nobody asked to merge.
    if (scar.id !== parseScarId(args.scar_id)) {
      throw invalidInput(
        'scar_id',
        'scar_id was merged before; name the scar that it is part of now.',
        `That is ${scarIdText(scar.id)}.`,
      );
    }
    return is('merged', { ...into, rev: merge(context, scar, into) });
  },
});

function target(args: Args, text: string, { sql }: ToolContext): Scar {
  const other = CHANGES.find((field) => args[field] !== undefined);
  if (other !== undefined) {
    throw invalidInput(other, `merge_into goes with no other change; give ${other} in a call of its own.`);
  }
  if (text === args.scar_id) throw invalidInput('merge_into', 'A scar cannot be merged into itself.');
  const into = requireScar(sql, text, 'merge_into');
  if (into.state === 'muted' || into.state === 'archived') {
    throw invalidInput(
      'merge_into',
      'The scar to merge into is muted or archived, so the failure would fall silent; set its status to open first.',
    );
  }
  return into;
}

/** Writes what differs; returns the new revision, or undefined when nothing does. */
function change(args: Args, scar: Scar, context: ToolContext): number | undefined {
  const { sql } = context;
  const redactor = new Redactor();
  const texts = sql.exec<{ context: string | null }>('SELECT context FROM scars WHERE id = ?', scar.id);
  const before = {
    cause: scar.cause,
    context: texts[0]?.context ?? null,
    severity: scar.severity,
    class: scar.class,
    tags: scar.tags,
    state: scar.state,
  };
  const after: typeof before = {
    cause: args.cause === undefined ? before.cause : redactor.optional(args.cause),
    context: args.context === undefined ? before.context : redactor.optional(args.context),
    severity: args.severity ?? before.severity,
    class: args.class ?? before.class,
    tags:
      args.tags === undefined
        ? before.tags
        : JSON.stringify([...new Set(args.tags.map((tag) => redactor.text(tag)))]),
    state: args.status ?? before.state,
  };
  const same = (field: keyof typeof before) => before[field] === after[field];
  if (same('cause') && same('context') && same('severity') && same('class') && same('tags') && same('state'))
    return undefined;
  const rev = context.nextRev();
  sql.exec(
    'UPDATE scars SET rev = ?, cause = ?, context = ?, severity = ?, class = ?, tags = ?, state = ? WHERE id = ?',
    rev,
    after.cause,
    after.context,
    after.severity,
    after.class,
    after.tags,
    after.state,
    scar.id,
  );
  if (!same('cause') || !same('context') || !same('tags')) reindex(sql, scar.id);
  return rev;
}
