import type { Context } from 'hono';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import { type Asked, type AuthorizationRequest, authorizationRequest } from './authorization-request.ts';
import { browserOf } from './browser.ts';
import { toolsFor } from './consent.ts';
import type { Question } from './pages.ts';
import { targetOf } from './redirect-uris.ts';
import { sealerOf } from './seal.ts';

/** A client's request that waits for the person. The page keeps it, sealed. */
export interface Pending extends Omit<Asked, 'request'> {
  readonly request: AuthorizationRequest;
}

/** The request that a page has brought back, if it was made for this browser and is young enough. */
export function pendingOf(c: Context<AppEnv>, sealed: string): Pending | undefined {
  const request = sealerOf(c.var.isolate.config).open('request', sealed, authorizationRequest);
  return request && stillPending(c, request);
}

/** The request, if it was made for this browser and is young enough. */
export function stillPending(c: Context<AppEnv>, request: AuthorizationRequest): Pending | undefined {
  if (request.browser !== browserOf(c) || c.var.arrival.receivedAt >= request.expiresAt) return undefined;
  const target = targetOf(request.redirectUri, c.var.isolate.config.oauth?.redirectUris ?? []);
  return target === undefined ? undefined : { target, request };
}

/** What the pages show of a request. */
export function questionOf(c: Context<AppEnv>, { target, request }: Pending): Question {
  const { config } = c.var.isolate;
  return {
    client: request.client,
    target,
    scopes: request.scopes,
    tools: toolsFor(c.var.isolate.tools, request.scopes),
    host: new URL(ownOrigin(c)).host,
    provider: config.oauth?.provider?.name,
    sealed: sealerOf(config).seal('request', request),
  };
}
