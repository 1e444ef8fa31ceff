import { type Context, Hono } from 'hono';
import type { CallOutcome } from '../../tenant/contract/call.ts';
import { authenticate, httpRefusal, type Refused } from '../auth/authenticate.ts';
import type { Principal } from '../auth/tokens.ts';
import { readJson } from '../http/body.ts';
import { problem, problemOf } from '../http/http-errors.ts';
import { type AppEnv, logRefusal } from '../http/isolate.ts';
import { allowOrigin } from '../http/origin.ts';
import { transportCaller } from '../tenant-client/request-context.ts';
import { doorOf } from '../tenant-client/tenant-client.ts';

/** The tools by plain HTTP, for callers that speak no MCP: the same token, the same door, the same errors. */

type Ctx = Context<AppEnv>;
type Serve = (c: Ctx, principal: Principal) => Promise<Response | Refused>;

export const v1 = new Hono<AppEnv>();
v1.use(allowOrigin(['GET', 'POST', 'OPTIONS'], problem));
v1.all('/tools', (c) => answer(c, ['GET', 'HEAD'], listTools));
v1.all('/tools/:name', (c) => answer(c, ['POST'], callTool));

/** Answers one request; every refusal is logged. */
async function answer(c: Ctx, methods: readonly string[], serve: Serve): Promise<Response> {
  const served = await authenticated(c, methods, serve);
  if (served instanceof Response) return served;
  // The platform logs an error for an answer to a body that nobody read.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  logRefusal(c, served.refusal, served.principal);
  return problem(served.refusal, c.var.info.trace.traceId);
}

async function authenticated(c: Ctx, methods: readonly string[], serve: Serve): Promise<Response | Refused> {
  const principal = await authenticate(c);
  if ('refusal' in principal) return principal;
  if (methods.includes(c.req.method)) return serve(c, principal);
  const message = `Only ${methods.join(' and ')} is served here.`;
  const headers = { Allow: [...methods, 'OPTIONS'].join(', ') };
  return { refusal: { status: 405, code: 'method_not_allowed', message, headers }, principal };
}

async function listTools(c: Ctx, principal: Principal): Promise<Response | Refused> {
  const admission = await doorOf(c, principal).admit();
  if (!admission.ok) return { refusal: httpRefusal(c, admission.refusal), principal };
  return c.json({ tools: c.var.edge.restTools.list({ scopes: admission.scopes, families: undefined }) });
}

async function callTool(c: Ctx, principal: Principal): Promise<Response | Refused> {
  const { edge, info } = c.var;
  const body = await readJson(c.req.raw, edge.config.maxBodyBytes);
  if (!body.ok) return { refusal: body, principal };
  const door = doorOf(c, principal);
  const leave = () => c.executionCtx.waitUntil(door.cancel(info.id));
  c.req.raw.signal.addEventListener('abort', leave, { once: true });
  const outcome = await door.call({
    tokenId: principal.tokenId,
    session: undefined,
    cancelKey: info.id,
    tool: edge.restTools.resolveToolName(c.req.param('name') ?? '', undefined),
    args: body.value,
    caller: { ...transportCaller(c), protocolVersion: undefined },
  });
  c.req.raw.signal.removeEventListener('abort', leave);
  return responseOf(c, outcome);
}

/** How a call ended, as HTTP says it; the tenant has logged it already. */
function responseOf(c: Ctx, outcome: CallOutcome): Response {
  const { traceId } = c.var.info.trace;
  switch (outcome.kind) {
    case 'answer':
      return new Response(outcome.json, { headers: { 'content-type': 'application/json' } });
    case 'error':
      return problemOf(outcome.error);
    // Never asked for here.
    case 'deferred':
    case 'unknown_tool': {
      const message = 'Unknown tool; GET /v1/tools names those there are.';
      return problem({ status: 404, code: 'unknown_tool', message }, traceId);
    }
    case 'refused':
      return problem(httpRefusal(c, outcome.refusal), traceId);
  }
}
