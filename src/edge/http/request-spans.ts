import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { MessageEnd, MessageOutcome } from '../../mcp/message-end.ts';
import { messageAttributes, messageName } from '../../mcp/message-span.ts';
import { ATTRIBUTE } from '../../telemetry/otel/names.ts';
import type { Span } from '../../telemetry/otel/span.ts';
import type { TenantId, TokenId } from '../../tenant/contract/call.ts';
import type { AppEnv } from './isolate.ts';

/** Whose request it is. */
interface Credential {
  readonly tenant: TenantId;
  readonly tokenId: TokenId;
}

/** Paths whose JSON-RPC messages have spans of their own. */
const MCP_PATHS = ['/mcp', '/sse', '/messages'];
/** The parts of the server that are served to programs, whose requests are worth a span. */
const TRACED = /^\/(?:mcp|sse|messages|v1|admin|authorize|token|register|revoke|oauth)(?:\/|$)/;

/**
 * The spans of one HTTP request, as data for the exporter.
 *
 * A JSON-RPC message has a span of its own, which ends when it was answered, also when that is after the response has
 * begun. Any other request has one for its response; a request of MCP has one only if it was refused before any message
 * of it was served. What is asked of health, documents and metadata has none, and neither has a stream for as long as it
 * is open.
 */
export class RequestSpans {
  readonly #c: Context<AppEnv>;
  #credential: Credential | undefined;
  #hasMessages = false;
  #outcome: MessageOutcome = {};

  constructor(c: Context<AppEnv>) {
    this.#c = c;
  }

  /** Whose request it is, once that is known. */
  set credential(credential: Credential) {
    this.#credential = credential;
  }

  /** How the call of a plain HTTP request ended. */
  set outcome(outcome: MessageOutcome) {
    this.#outcome = outcome;
  }

  messageEnded(end: MessageEnd, session: string | undefined): void {
    this.#hasMessages = true;
    if (this.#exporter === undefined) return;
    const { caller } = end;
    this.#add({
      trace: caller.trace,
      name: messageName(end),
      kind: 'server',
      startMs: caller.receivedAt,
      endMs: Date.now(),
      attributes: {
        ...messageAttributes(end),
        ...this.#common(caller.requestId),
        [ATTRIBUTE.session]: session,
      },
    });
  }

  /** Ends the span of the response, and begins an export that is due, whatever the request was. */
  responded(response: Response): void {
    if (this.#exporter === undefined) return;
    this.#endResponse(response);
    this.#flush();
  }

  #endResponse(response: Response): void {
    const { req } = this.#c;
    if (!TRACED.test(req.path) || req.method === 'OPTIONS') return;
    const { status } = response;
    if (MCP_PATHS.includes(req.path) && (this.#hasMessages || status < 400)) return;
    const { id, trace, receivedAt } = this.#c.get('arrival');
    const route = routeOf(this.#c);
    const { errorType = status >= 400 ? String(status) : undefined } = this.#outcome;
    this.#add({
      trace,
      name: route === undefined ? req.method : `${req.method} ${route}`,
      kind: 'server',
      startMs: receivedAt,
      endMs: Date.now(),
      attributes: {
        ...this.#common(id),
        [ATTRIBUTE.httpMethod]: req.method,
        [ATTRIBUTE.httpRoute]: route,
        [ATTRIBUTE.httpStatus]: status,
        [ATTRIBUTE.status]: this.#outcome.status,
        [ATTRIBUTE.errorType]: errorType,
        [ATTRIBUTE.errorId]: this.#outcome.errorId,
        [ATTRIBUTE.retryAfterMs]: this.#outcome.retryAfterMs,
      },
    });
  }

  #common(requestId: string): Span['attributes'] {
    return {
      [ATTRIBUTE.transport]: 'tcp',
      [ATTRIBUTE.protocol]: 'http',
      [ATTRIBUTE.tenant]: this.#credential?.tenant,
      [ATTRIBUTE.token]: this.#credential?.tokenId,
      [ATTRIBUTE.request]: requestId,
    };
  }

  #add(span: Span): void {
    this.#exporter?.add(span);
    this.#flush();
  }

  #flush(): void {
    this.#exporter?.flush((work) => this.#c.executionCtx.waitUntil(work));
  }

  // Hono makes a new object of all variables each time that `var` is read.
  get #exporter() {
    return this.#c.get('isolate').spans;
  }
}

/** The pattern of the route that served a request, such as `/v1/tools/:name`; undefined if none did. */
function routeOf(c: Context<AppEnv>): string | undefined {
  return matchedRoutes(c)
    .map(({ path }) => path)
    .findLast((path) => !path.includes('*'));
}
