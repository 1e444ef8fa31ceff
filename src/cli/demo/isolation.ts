import * as z from 'zod';
import type { IssuedToken } from '../admin-client.ts';
import { callHeaders } from '../connect.ts';
import type { DemoContext } from './context.ts';
import { PLAN, RUN } from './handover.ts';

const readSchema = z.object({ entries: z.array(z.object({ found: z.boolean() })) });
const listSchema = z.object({ total: z.int() });
const lookupSchema = z.object({ match: z.string() });

/** A token with the claims of one token and the signature of another. */
function forged(claims: IssuedToken, signature: IssuedToken): string {
  const [header, payload] = claims.token.split('.');
  return [header, payload, signature.token.split('.')[2]].join('.');
}

async function statusOf(url: string, token: string): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: callHeaders({ url, token }),
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  await response.body?.cancel();
  return response.status;
}

/** A caller cannot read or write another tenant's data: not by name, by argument or with a forged token. */
export async function isolation(context: DemoContext): Promise<void> {
  const { report, worker, outsider, planner, tenant, otherTenant, plannerToken, outsiderToken } = context;
  report.title('6. Try to read the other tenant');
  const cell = { run_id: RUN, key: PLAN };

  const read = await outsider.call('blackboard_read', cell, readSchema);
  report.check(
    'the same board and key is empty for the outsider',
    read.entries.every((entry) => !entry.found),
  );
  const listed = await outsider.call('blackboard_list', { run_id: RUN }, listSchema);
  report.check('the outsider’s list is empty', listed.total === 0);
  const scars = await outsider.call(
    'scar_lookup',
    { error_type: 'MigrationLockTimeout', tool: 'deploy' },
    lookupSchema,
  );
  report.check('the outsider finds none of the recorded failures', scars.match === 'none');

  const named = await outsider.attempt('blackboard_read', { ...cell, tenant }, readSchema);
  report.check(
    'naming the tenant in an argument is refused',
    !named.ok && named.error.code === 'invalid_input' && named.error.field === 'tenant',
  );
  if (!named.ok) report.note(`the outsider got: ${named.error.message}`);
  const back = await planner.attempt(
    'blackboard_write',
    { ...cell, value: 'ours now', tenant: otherTenant },
    readSchema,
  );
  report.check(
    'writing into the other tenant with our token is refused',
    !back.ok && back.error.field === 'tenant',
  );

  const status = await statusOf(`${context.url}/mcp`, forged(plannerToken, outsiderToken));
  report.note(`a token with another tenant’s name and the outsider’s signature: HTTP ${status}`);
  report.check('a forged token is refused', status === 401);

  const ours = await worker.call('blackboard_list', { run_id: RUN }, listSchema);
  report.check('the tenant still has its cell', ours.total === 1);
}
