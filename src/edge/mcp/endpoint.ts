import { DEFAULT_NEGOTIATED_PROTOCOL_VERSION } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { withObjectArguments } from '../../mcp/call-arguments.ts';
import { hasInexactEnvelope, INEXACT_ENVELOPE } from '../../mcp/inexact-numbers.ts';
import { authenticate } from '../auth/authenticate.ts';
import { readCalls } from '../http/body.ts';
import {
  type HttpRefusal,
  methodNotAllowed,
  type RefusalFormat,
  rpcRefusal,
  rpcRefusalOf,
} from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse } from '../http/refusal-log.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';
import { checkAccept } from './accept.ts';
import { handle2025 } from './era-2025.ts';
import { handle2026, isEra2026 } from './era-2026.ts';
import { hasValidIds, idOfRefused, requestIdOf, withoutOwnCancellations } from './message.ts';
import { deleteSession, sessionOf, streamSession } from './sessions.ts';
import { parseToolFilter } from './tool-filter.ts';

/** Messages in one JSON-RPC batch, which only the revision 2025-03-26 allows. */
const MAX_BATCH = 20;
const BATCH_REVISION = '2025-03-26';
const METHODS = ['GET', 'POST', 'DELETE'];

/**
 * The MCP endpoint: checks a request in the order that clients cope with, makes its context once, and passes it to the
 * handler of its protocol era.
 */
export async function handleMcp(c: Context<AppEnv>): Promise<Response> {
  const isolate = c.get('isolate');
  const request = c.req.raw;
  const principal = await authenticate(c);
  if (!principal.ok) return refuse(c, rpcRefusal, principal.error);
  const reject = (refusal: HttpRefusal) => refuse(c, rpcRefusal, refusal, principal.value);
  if (!METHODS.includes(request.method)) return reject(methodNotAllowed(METHODS));
  const unacceptable = checkAccept(request);
  if (unacceptable !== undefined) return reject(unacceptable);
  const toolFilter = parseToolFilter(request.url, isolate.tools);
  if (!toolFilter.ok) return reject(toolFilter.error);
  const session = sessionOf(request);
  const contextOf = (format: RefusalFormat) =>
    createContext(c, principal.value, { format, transport: 'mcp', session, toolFilter: toolFilter.value });
  if (request.method === 'GET') return streamSession(contextOf(rpcRefusal));
  if (request.method === 'DELETE') return deleteSession(contextOf(rpcRefusal));
  const body = await readCalls(request, isolate.config.maxBodyBytes);
  if (!body.ok) return refuse(c, rpcRefusalOf(idOfRefused(body.error)), body.error, principal.value);
  const { value } = body.value;
  const format = rpcRefusalOf(requestIdOf(value));
  const invalid = checkMessages(request, value);
  if (invalid !== undefined) return refuse(c, format, invalid, principal.value);
  return serveMessages(contextOf(format), withObjectArguments(value));
}

async function serveMessages(context: RequestContext, body: unknown): Promise<Response> {
  const { request, protocolErrors, arrival } = context;
  const response = (await isEra2026(request, body))
    ? await handle2026({ ...context, session: undefined }, body)
    : await handle2025(context, withoutOwnCancellations(body));
  return protocolErrors.complete(response, arrival, requestIdOf(body));
}

function checkMessages(request: Request, body: unknown): HttpRefusal | undefined {
  const invalid = (message: string): HttpRefusal => ({ status: 400, code: 'invalid_request', message });
  if (!hasValidIds(body)) return invalid('The id of a request is too long.');
  if (hasInexactEnvelope(body)) return invalid(INEXACT_ENVELOPE);
  if (!Array.isArray(body)) return undefined;
  const version = request.headers.get('mcp-protocol-version') ?? DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  if (version !== BATCH_REVISION)
    return invalid(`Revision ${version.slice(0, 32)} has no batches. Send one message.`);
  if (body.length === 0 || body.length > MAX_BATCH) return invalid(`A batch has 1 to ${MAX_BATCH} messages.`);
  return undefined;
}
