import type { Context } from 'hono';
import { fail, succeed } from '../../../result.ts';
import type { CallerInfo, CallOutcome, TenantId } from '../../../tenant/contract/call.ts';
import type { Operation } from '../../../tenant/operation.ts';
import { recordsFollow } from '../../../tenant/records/reading/follow.ts';
import { ALL_SCOPES } from '../../../tools/tool.ts';
import { attempt } from '../../http/attempt.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { markLogged } from '../../http/refusal-log.ts';
import { openOperatorWatch } from '../../tenant-client/operator-watch.ts';
import { OPERATOR_HOME } from '../layout.tsx';
import type { NotShown, Visit } from '../visit.ts';
import { type OperatorSession, sessionName } from './session.ts';

/** A visit of the operator at a tenant. */
export interface OperatorVisit extends Visit {
  readonly session: OperatorSession;
}

export const tenantHome = (tenant: TenantId) => `${OPERATOR_HOME}/tenants/${tenant}`;

const UNAVAILABLE = { kind: 'refused', refusal: { reason: 'unavailable' } } as const;

/** A page of a tenant that the operator looks at: without a token, charged to nobody, and recorded as the operator's. */
export function operatorVisit(c: Context<AppEnv>, tenant: TenantId, session: OperatorSession): OperatorVisit {
  const { arrival } = c.var;
  const { name } = session;
  const caller: CallerInfo = {
    requestId: arrival.id,
    trace: arrival.trace,
    receivedAt: arrival.receivedAt,
    clientName: undefined,
    clientVersion: undefined,
    protocolVersion: undefined,
    transport: 'console',
  };
  const read: Visit['read'] = async (tool, args) => {
    // RPC sends no object without a prototype, which a query is.
    const asked = { tool: tool.name, args: { ...args }, as: name === '' ? undefined : name, caller };
    const outcome = await answerOf(c, async () => c.env.TENANTS.getByName(tenant).readAsOperator(asked));
    if (outcome.kind === 'deferred') return fail(UNAVAILABLE);
    if (outcome.kind !== 'answer') return fail(outcome);
    // The tenant's Durable Object may still run another release.
    const answer = tool.output.safeParse(JSON.parse(outcome.json));
    return answer.success ? succeed(answer.data) : fail(UNAVAILABLE);
  };
  return {
    c,
    session,
    live: liveOf(c, tenant, session, read),
    viewer: {
      tenant,
      scopes: ALL_SCOPES,
      home: tenantHome(tenant),
      isOperator: true,
      person: undefined,
      session: sessionName(session),
    },
    now: arrival.receivedAt,
    read,
  };
}

/** What the operator follows: opening a stream is a look, and recorded; what it sends is not. */
function liveOf(
  c: Context<AppEnv>,
  id: TenantId,
  { expiresAt }: OperatorSession,
  read: Visit['read'],
): NonNullable<Visit['live']> {
  const tenant = () => c.env.TENANTS.getByName(id);
  const ask = async (question: 'follow' | 'summary', args: Readonly<Record<string, string | number>>) => {
    const answer: Operation<string> = await tenant().ask(question, args);
    if (!answer.ok) throw new Error(`the records are not read: ${answer.error.reason}`);
    return answer.value;
  };
  return {
    expiresAt,
    newest: {},
    follow: async (filter) => {
      const begun = await read(recordsFollow, filter);
      if (!begun.ok) return begun;
      const socket = await attempt(c, () => openOperatorWatch(tenant()));
      if (socket === undefined) return fail(UNAVAILABLE);
      return succeed({
        socket,
        expiresAt,
        newest: begun.value.up_to,
        read: async (after) => JSON.parse(await ask('follow', { ...filter, after })),
      });
    },
    summary: () => attempt(c, () => ask('summary', {})),
  };
}

async function answerOf(
  c: Context<AppEnv>,
  ask: () => Promise<Operation<CallOutcome>>,
): Promise<CallOutcome> {
  const read = await attempt(c, ask);
  if (read?.ok) {
    if (read.value.kind !== 'answer') markLogged(c);
    return read.value;
  }
  return read?.error.reason === 'not_found' ? noSuchTenant(c) : UNAVAILABLE;
}

const noSuchTenant = (c: Context<AppEnv>): NotShown => ({
  kind: 'error',
  error: {
    code: 'unknown_handle',
    message: 'There is no tenant of this name. It may have been erased.',
    retryable: false,
    trace_id: c.var.arrival.trace.traceId,
  },
});
