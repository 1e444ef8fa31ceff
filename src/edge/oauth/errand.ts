import type { Context } from 'hono';
import * as z from 'zod';
import type { AppEnv } from '../http/isolate.ts';
import { authorizationRequest } from './authorization-request.ts';
import { browserOf, PAGE_MS, rememberBrowser } from './browser.ts';
import { type Pending, pendingOf, stillPending } from './pending.ts';

/** What a person signs in at the provider for: to answer a client, or to open the console. */
export type Errand =
  | { readonly kind: 'client'; readonly asked: Pending }
  /** `to`: the page that the person wanted to see, which the console checks. */
  | { readonly kind: 'console'; readonly to: string };

const consoleRequest = z.object({ to: z.string(), browser: z.string(), expiresAt: z.number() });

/** An errand as the text holds it that travels to the provider and back. */
export const sealedErrand = z.union([
  z.object({ request: authorizationRequest }),
  z.object({ console: consoleRequest }),
]);
export type SealedErrand = z.infer<typeof sealedErrand>;

const MAX_PATH_CHARS = 2048;

/** The errand that a link to the provider names, as it can be sealed; undefined when its page is too old or another browser's. */
export function errandOf(
  c: Context<AppEnv>,
  parameters: URLSearchParams,
): { errand: Errand; sealed: SealedErrand } | undefined {
  const to = parameters.get('console');
  if (to === null) {
    const asked = pendingOf(c, parameters.get('request') ?? '');
    return asked && { errand: { kind: 'client', asked }, sealed: { request: asked.request } };
  }
  if (to.length > MAX_PATH_CHARS) return undefined;
  const expiresAt = c.var.arrival.receivedAt + PAGE_MS;
  return {
    errand: { kind: 'console', to },
    sealed: { console: { to, browser: rememberBrowser(c), expiresAt } },
  };
}

/** The errand that the browser has brought back, if it set out from this browser and is young enough. */
export function stillErrand(c: Context<AppEnv>, sealed: SealedErrand): Errand | undefined {
  if ('request' in sealed) {
    const asked = stillPending(c, sealed.request);
    return asked && { kind: 'client', asked };
  }
  const { to, browser, expiresAt } = sealed.console;
  const isHere = browser === browserOf(c) && c.var.arrival.receivedAt < expiresAt;
  return isHere ? { kind: 'console', to } : undefined;
}

/** The client that a log line names; undefined for the console. */
export const clientOf = (errand: Errand): string | undefined =>
  errand.kind === 'client' ? errand.asked.request.client.id : undefined;
