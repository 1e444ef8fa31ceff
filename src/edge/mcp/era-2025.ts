import { instructionsFor } from '../../mcp/instructions.ts';
import type { SessionId } from '../../tenant/contract/call.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import { sessionLogLevel } from '../../transport-tools/session-log-level.ts';
import { sessionOpen } from '../../transport-tools/session-open.ts';
import { callInternal } from '../tenant-client/internal-call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { acceptedForm, prefersStream } from './accept.ts';
import { inSequence } from './batch.ts';
import { type BoundServer, bindServer } from './bind-server.ts';
import { admitFirst, admitUncalled, callFirst, type Respond } from './dispatch.ts';
import { getOwn, isCall, mayWait, methodOf, toolNameOf } from './message.ts';
import { answerPlainCall, plainCall2025 } from './plain-call.ts';
import { respondToBatch } from './respond-to-batch.ts';
import { respondInJson, respondInStream } from './responders-2025.ts';
import { handleReplies, SESSION_HEADER } from './sessions.ts';

/** The 2025 revisions, with a session or without. Any machine can serve any request of a session. */
export async function handle2025(context: RequestContext, message: unknown): Promise<Response> {
  if (methodOf(message) === 'initialize') return initialize(context, message);
  const accepted = await handleReplies(context, message);
  if (accepted !== undefined) return accepted;
  const bound = (binding: BoundServer) => (Array.isArray(message) ? inSequence(context, binding) : binding);
  const asks = callsRemoteTool(context, message);
  // A client that takes JSON only can neither be asked nor be noticed when it leaves.
  const takesStream = acceptedForm(context.request) !== 'json';
  if (takesStream && (asks || mayWait(message) || prefersStream(context.request))) {
    const respond: Respond = (binding, session) =>
      respondInStream(context, message, bound(binding), asks ? session : undefined);
    return admitFirst(context, respond, message);
  }
  const respond: Respond = (binding) =>
    Array.isArray(message)
      ? respondToBatch(context, message, bound(binding))
      : respondInJson(context, message, binding);
  if (methodOf(message) === 'logging/setLevel') return setLogLevel(context, message, respond);
  if (!isCall(message)) return admitFirst(context, respond);
  const plain = plainCall2025(context, message);
  return plain === undefined ? callFirst(context, respond) : answerPlainCall(context, plain);
}

/** Whether it may run a remote tool, also one whose call was held, which may ask its client something while it runs. */
function callsRemoteTool({ isolate, toolFilter }: RequestContext, message: unknown): boolean {
  const name = toolNameOf(message);
  const tool = name === undefined ? undefined : isolate.tools.find(name, toolFilter);
  if (tool === undefined) return false;
  return isRemoteTool(tool) || (tool.name === tenantApproval.name && isolate.tools.hasRemoteTools);
}

/** A notification is answered without a body. */
const resultOf = async (response: Response): Promise<unknown> =>
  response.ok && response.body !== null ? getOwn(await response.clone().json(), 'result') : undefined;

/**
 * Answers `initialize` and opens the client's session, in one request to the tenant. The answer is made first, so that no
 * session is opened for a malformed request; only its instructions depend on the token's scopes, which the tenant knows.
 */
async function initialize(context: RequestContext, message: unknown): Promise<Response> {
  const outside = { ...context, session: undefined };
  const response = await respondInJson(outside, message, bindServer(outside, []));
  const result = await resultOf(response);
  if (result === undefined) return admitUncalled(outside, response);
  const session = crypto.randomUUID() as SessionId;
  const client = JSON.stringify(getOwn(message, 'params'));
  const opened = await callInternal(outside, sessionOpen, { session_id: session, kind: 'session', client });
  if (!opened.ok) {
    await response.body?.cancel();
    return context.respondRefused(opened.error);
  }
  const families = context.isolate.tools.familiesFor(JSON.parse(opened.value).scopes, context.toolFilter);
  const answer = {
    ...Object(await response.json()),
    result: { ...Object(result), instructions: instructionsFor(families) },
  };
  const headers = new Headers(response.headers);
  headers.set(SESSION_HEADER, session);
  headers.delete('content-length');
  return new Response(JSON.stringify(answer), { status: response.status, headers });
}

/** Stores the level with the session, because each of its requests is served by a server of its own. */
async function setLogLevel(context: RequestContext, message: unknown, respond: Respond): Promise<Response> {
  const response = await admitFirst(context, respond);
  const { session, isolate } = context;
  if (session === undefined || !isolate.tools.hasRemoteTools || (await resultOf(response)) === undefined)
    return response;
  const level = getOwn(getOwn(message, 'params'), 'level');
  const stored = await callInternal(context, sessionLogLevel, { session_id: session, level }, session);
  return stored.ok ? response : context.respondRefused(stored.error);
}
