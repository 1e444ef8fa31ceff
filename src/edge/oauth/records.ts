import type { Context } from 'hono';
import type { LogRecord } from '../../telemetry/log.ts';
import { clientAddress } from '../http/client-address.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';
import { clientDigest } from './clients.ts';

/** The log lines of the sign-in, and the fence of what goes wrong in it. No line has a query, a code, a key or a token. */

type Event = Extract<LogRecord['event'], `oauth.${string}`>;
type Fields = Pick<LogRecord, 'tenant' | 'member' | 'token_id' | 'code' | 'http_status'>;

const DIGEST_CHARS = 12;

export function record(
  c: Context<AppEnv>,
  event: Event,
  clientId: string | undefined,
  fields: Fields = {},
): void {
  c.var.isolate.log({
    level: event === 'oauth.refused' ? 'warn' : 'info',
    event,
    ...fields,
    client: clientId === undefined ? undefined : clientDigest(clientId).slice(0, DIGEST_CHARS),
    ...requestFields(c),
  });
}

/** Counts a document that is fetched for an address that is not known. @returns whether it may be fetched */
export async function countDocument(c: Context<AppEnv>): Promise<boolean> {
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: `document ${clientAddress(c)}` });
  return success;
}

/**
 * Counts a request that went wrong. Those that go well are not counted: all users of a hosted client share its addresses.
 * @returns whether the address may go on
 */
export async function countFailure(c: Context<AppEnv>): Promise<boolean> {
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: `oauth ${clientAddress(c)}` });
  return success;
}
