import * as z from 'zod';
import type { AdminRequests } from './admin-requests.ts';
import type { Output } from './tenant-output.ts';
import { table } from './terminal.ts';

/** `tenant actions`: what was done with the admin key, to all tenants and to the deployment. */

/** Actions of one request. */
const PAGE = 200;

const value = z.union([z.string(), z.number(), z.boolean()]).nullable().optional();
const actionSchema = z.object({
  at: z.string(),
  tenant: z.string().nullable(),
  action: z.string(),
  by: z.string().nullable(),
  code: z.string().nullable(),
  changed: z.array(z.object({ what: z.string(), from: value, to: value })),
});
type ActionAnswer = z.infer<typeof actionSchema>;
const pageSchema = z.object({ actions: z.array(actionSchema), next_cursor: z.string().optional() });

/** The newest first. @param limit how many */
export async function actionsOf(admin: AdminRequests, limit: number): Promise<ActionAnswer[]> {
  const actions: ActionAnswer[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE, limit - actions.length)),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const page = await admin.request('GET', `/actions?${query}`, pageSchema);
    actions.push(...page.actions);
    cursor = page.next_cursor;
  } while (cursor !== undefined && actions.length < limit);
  return actions;
}

/** The newest last, as a terminal shows them best. */
export function actionsOutput(actions: readonly ActionAnswer[]): Output {
  const rows = actions
    .toReversed()
    .map(({ at, tenant, action, by, code, changed }) => [
      at,
      tenant ?? '(the deployment)',
      action,
      code ?? 'done',
      by ?? '',
      changed.map(changeText).join('; '),
    ]);
  return {
    document: { actions },
    text:
      rows.length === 0
        ? 'Nothing was done with the admin key yet.'
        : table([['TIME', 'TENANT', 'ACTION', 'RESULT', 'BY', 'CHANGED'], ...rows]),
  };
}

function changeText({ what, from, to }: ActionAnswer['changed'][number]): string {
  const before = from === undefined ? '' : ` from ${from}`;
  return `${what}${before}${to === undefined ? ' removed' : ` to ${to}`}`;
}
