import { createHmac } from 'node:crypto';
import type { Context } from 'hono';
import { type Config, parseConfig } from '../../config.ts';
import { PublishedTools } from '../../mcp/published-tools.ts';
import type { ServerFactory } from '../../mcp/server.ts';
import type { RequestInfo } from '../../mcp/server-binding.ts';
import { createLog, type Log, traceFields } from '../../telemetry/log.ts';
import { clip } from '../../telemetry/redact.ts';
import { redactSecrets } from '../../telemetry/secrets.ts';
import { continueTrace, randomHex } from '../../telemetry/trace.ts';
import { requireAffordable } from '../../tenant/calls/limits.ts';
import type { CallRequest, TenantId } from '../../tenant/contract/call.ts';
import type { Catalogue } from '../../tools/catalogue.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';

/** What one isolate holds for all requests. */
export interface Edge {
  readonly config: Config;
  readonly log: Log;
  readonly tools: PublishedTools;
  /** The same without tools that need a protocol to talk with their caller in. */
  readonly restTools: PublishedTools;
  readonly serve: ServerFactory;
  readonly stateKey: Uint8Array;
}

/** What a Worker serves. */
export interface Served {
  readonly catalogue: Catalogue;
  readonly serve: ServerFactory;
}

export interface AppEnv {
  Bindings: Env;
  Variables: { edge: Edge; info: RequestInfo };
}

const edges = new WeakMap<Env, Edge>();

/**
 * The isolate's edge, made on the first request.
 * @throws ConfigError when a setting is wrong
 */
export function edgeOf(env: Env, served: Served): Edge {
  const known = edges.get(env);
  if (known !== undefined) return known;
  const config = parseConfig({ ...env });
  requireAffordable(config.limits, served.catalogue.all);
  const edge: Edge = {
    config,
    log: createLog({ level: config.logLevel, format: config.logFormat }),
    tools: new PublishedTools(served.catalogue.tools),
    restTools: new PublishedTools(served.catalogue.tools.filter((tool) => !isRemoteTool(tool))),
    serve: served.serve,
    stateKey: createHmac('sha256', config.tokenKeys[0].secret).update('request state').digest(),
  };
  edges.set(env, edge);
  return edge;
}

export function requestInfo(request: Request): RequestInfo {
  return {
    id: randomHex(8),
    trace: continueTrace(request.headers.get('traceparent')),
    receivedAt: Date.now(),
  };
}

/** The credential of `Authorization: Bearer …` (RFC 6750, section 2.1). */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
}

const MAX_PATH_CHARS = 256;

/** The one line of a request that was refused before a tenant took it as a call. */
export function logRefusal(
  c: Context<AppEnv>,
  refusal: { readonly status: number; readonly code: string },
  principal?: Pick<CallRequest, 'tokenId'> & { readonly tenant: TenantId },
): void {
  const { edge, info } = c.var;
  edge.log({
    level: 'warn',
    event: 'request.refused',
    tenant: principal?.tenant,
    code: refusal.code,
    http_status: refusal.status,
    http_method: c.req.method,
    path: clip(redactSecrets(c.req.path).text, MAX_PATH_CHARS),
    duration_ms: Date.now() - info.receivedAt,
    ...traceFields(info.trace),
    request_id: info.id,
    token_id: principal?.tokenId,
  });
}
