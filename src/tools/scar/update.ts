import * as z from 'zod';
import { invalidInput, notWith } from '../errors.ts';
import { count, optionalName, shortName, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { mergeScars } from './merge.ts';
import { reindex } from './searchable.ts';
import { CLASSES, SEVERITIES } from './state.ts';
import { parseScarId, requireScar, type Scar, scarIdText } from './store.ts';
import { freeText, Redactor, requireTextLimits } from './texts.ts';

const MAX_REV = 1_000_000_000_000;

const input = z.strictObject({
  scar_id: shortName(64),
  cause: freeText('cause'),
  context: freeText('context'),
  severity: z.enum(SEVERITIES).optional(),
  class: z.enum(CLASSES).optional(),
  tags: tags().describe('Replaces the tags.'),
  status: z.enum(['open', 'muted', 'archived']).optional(),
  merge_into: optionalName(64).describe('scar_id; alone.'),
  if_rev: z.int().min(0).max(MAX_REV).optional(),
});
type Args = z.output<typeof input>;

const CHANGES = ['cause', 'context', 'severity', 'class', 'tags', 'status'] as const;

export const scarUpdate = defineTool({
  name: 'scar_update',
  title: 'Update a failure',
  description:
    'Corrects, mutes, archives or reopens a scar, or merges it for good into another that is the same failure. Give only what ' +
    'changes; an empty text clears one.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    status: z.enum(['updated', 'unchanged', 'merged', 'conflict']).describe('conflict: its rev differs.'),
    scar_id: z.string().describe('After a merge, the remaining scar.'),
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
    requireTextLimits(args);
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
    // A merged scar's old id now means another scar, which the caller did not ask to merge.
    if (scar.id !== parseScarId(args.scar_id)) {
      throw invalidInput('scar_id', 'scar_id was already merged. Pass the scar that it is part of now.', {
        current: scarIdText(scar.id),
        hint: `That is ${scarIdText(scar.id)}.`,
      });
    }
    return is('merged', { ...into, rev: mergeScars(context, scar, into) });
  },
});

function target(args: Args, text: string, { sql }: ToolContext): Scar {
  const other = CHANGES.find((field) => args[field] !== undefined);
  if (other !== undefined) {
    throw notWith(
      other,
      ['merge_into', other],
      `merge_into cannot be combined with ${other}. Send ${other} in a separate call.`,
    );
  }
  if (text === args.scar_id)
    throw invalidInput('merge_into', 'merge_into is the scar itself. Pass the scar_id of another scar.', {
      current: text,
    });
  const into = requireScar(sql, text, 'merge_into');
  if (into.state === 'muted' || into.state === 'archived') {
    throw invalidInput(
      'merge_into',
      "Cannot merge into a muted or archived scar: this failure would no longer be reported. Set that scar's status to open first.",
    );
  }
  return into;
}

/** Stores the fields that differ. @returns the new revision, or undefined if none differs */
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
