import type { Context } from 'hono';
import type * as z from 'zod';
import { fail, type Result, succeed } from '../../result.ts';
import type { Admission, CallOutcome } from '../../tenant/contract/call.ts';
import type { Entry } from '../../tenant/records/reading/entry.ts';
import { recordsFollow } from '../../tenant/records/reading/follow.ts';
import type { Principal } from '../auth/tokens.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { markLogged } from '../http/refusal-log.ts';
import { internalCall } from '../tenant-client/internal-call.ts';
import { type OpenedFollow, openFollow } from '../tenant-client/open-follow.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';
import type { Viewer } from './layout.tsx';

/** Why something is not shown: how the call ended that asks for it. */
export type NotShown = Exclude<CallOutcome, { kind: 'answer' | 'deferred' }>;

/** What is asked of the tenant: a tool that only reads. */
export interface Asked<Output extends z.ZodType> {
  readonly name: string;
  readonly output: Output;
}

type Filter = Readonly<Record<string, string>>;

/** What the streams of a page are opened with. */
export interface Live {
  /** When the session ends, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The newest revision and record when the page was asked for; undefined where nobody was asked for them. */
  readonly newest: Partial<Admission['newest']>;
  /** Opens a stream of the calls that match, as they end. Opening it is a call, and recorded. */
  follow(filter: Filter): Promise<Result<OpenedFollow<Entry>, NotShown>>;
  /** The numbers of the last hour, as JSON; undefined when they cannot be read. They are read without a record. */
  summary(): Promise<string | undefined>;
  /** The request of a person with a token of the tenant; undefined for the operator, whose pages of boards are not live. */
  readonly context?: RequestContext;
}

/** One page of a person who is signed in: everything that it shows is asked of the tenant with the person's token. */
export interface Visit {
  readonly c: Context<AppEnv>;
  readonly viewer: Viewer;
  /** Whose token or session it is; undefined for the operator, who has none of the tenant. */
  readonly principal?: Principal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What a page follows that changes by itself; undefined for a person without a token of the tenant. */
  readonly live?: Live;
  /**
   * Calls a tool as any client would: admitted, charged, recorded and logged.
   * @param args checked by the tenant, as any arguments are
   */
  read<Output extends z.ZodType>(
    tool: Asked<Output>,
    args: Readonly<Record<string, unknown>>,
  ): Promise<Result<z.output<Output>, NotShown>>;
}

const UNAVAILABLE = { kind: 'refused', refusal: { reason: 'unavailable' } } as const;

/**
 * Admits the person's token, which may have ended since they signed in.
 * @param beforeCall whether calls are to follow, which the tenant charges; a change is charged to the token's guard
 */
export async function startVisit(
  c: Context<AppEnv>,
  principal: Principal,
  beforeCall = true,
): Promise<Result<Visit, NotShown>> {
  const context = createContext(c, principal, { format: problem, transport: 'console' });
  const admission = await context.tenant.admit(undefined, beforeCall);
  if (!admission.ok) return fail({ kind: 'refused', refusal: admission.error });
  return succeed({
    c,
    principal,
    viewer: {
      isOperator: false,
      tenant: principal.tenant,
      scopes: admission.value.scopes,
      person: admission.value.person,
      home: `/console/${principal.tenant}`,
      session: principal.tokenId,
    },
    now: c.var.arrival.receivedAt,
    live: {
      context,
      expiresAt: principal.expiresAt,
      newest: admission.value.newest,
      follow: (filter) => openFollow(context, recordsFollow, filter),
      summary: async () => {
        const answer = await context.tenant.follow('summary', {});
        return answer.ok ? answer.value : undefined;
      },
    },
    read: async (tool, args) => {
      const call = internalCall(context, tool, { ...args });
      const outcome = await context.tenant.call(call);
      if (outcome.kind === 'deferred') return fail(UNAVAILABLE);
      if (outcome.kind !== 'answer') {
        markLogged(c);
        return fail(outcome);
      }
      // The tenant's Durable Object may still run another release.
      const answer = tool.output.safeParse(JSON.parse(outcome.json));
      return answer.success ? succeed(answer.data) : fail(UNAVAILABLE);
    },
  });
}
