import { fail, type Result, succeed } from '../../result.ts';
import type { SessionId, StreamFailure } from '../../tenant/contract/call.ts';
import type { Tool } from '../../tools/tool.ts';
import { internalCall } from './internal-call.ts';
import type { FollowedPage } from './record-follower.ts';
import type { RequestContext } from './request-context.ts';
import type { OpenedStream } from './tenant-client.ts';

/** A stream of calls that a token has opened. */
export interface OpenedFollow<Call> extends Pick<OpenedStream, 'socket' | 'expiresAt'> {
  /** The newest record when it was opened. */
  readonly newest: number;
  /** @throws when the token may not read the records any more, or the tenant cannot be reached */
  read(after: number): Promise<FollowedPage<Call>>;
}

/** Whether a stream was refused that its call would have opened, which has no line in the log yet. */
export const isOfStream = (
  failure: StreamFailure,
): failure is { kind: 'refused'; refusal: { reason: 'too_many_streams' } } =>
  failure.kind === 'refused' && failure.refusal.reason === 'too_many_streams';

/**
 * Opens a stream of calls with the token of the request. The opening is a call: checked, charged, recorded with its filter.
 * @param reader the one that follows records
 */
export async function openFollow<Call>(
  context: RequestContext,
  reader: Pick<Tool, 'name'>,
  filter: Readonly<Record<string, string>>,
): Promise<Result<OpenedFollow<Call>, StreamFailure>> {
  const { tenant } = context;
  const begun = await tenant.call(internalCall(context, reader, filter));
  if (begun.kind === 'deferred') throw new Error('reading is no remote tool');
  if (begun.kind !== 'answer') return fail(begun);
  const { up_to: newest }: FollowedPage<Call> = JSON.parse(begun.json);
  const session = crypto.randomUUID() as SessionId;
  const opened = await tenant.openStream({ session, purpose: { kind: 'calls', by: 'token' } });
  if (!opened.ok) return fail(opened.error);
  const { socket, expiresAt } = opened.value;
  return succeed({
    socket,
    expiresAt,
    newest,
    read: async (after) => {
      const answer = await tenant.follow('follow', { ...filter, after });
      if (!answer.ok) throw new Error(`the records are not read: ${answer.error.reason}`);
      return JSON.parse(answer.value);
    },
  });
}
