import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import * as z from 'zod';
import { randomHex } from '../../telemetry/trace.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import type { MemberProof, SignedIn } from '../../tenant/contract/sign-in.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import { sealerOf } from './seal.ts';

/** What the browser of the person keeps: which browser it is, and as whom the person has signed in. */

/** How long a page can be answered. */
export const PAGE_MS = 600_000;
/** How long a browser stays signed in. Every page asks the tenants again, and consent is asked every time. */
export const SESSION_MS = 12 * 3_600_000;
/** Members that one browser is signed in as. One more replaces the oldest. */
export const MAX_SESSION_MEMBERS = 8;

/** A member of one tenant, as a browser has proved to be. */
export interface SessionMember extends MemberProof {
  readonly tenant: TenantId;
}

/** The same, as the tenant knows the member now. */
export interface Present extends SignedIn {
  readonly tenant: TenantId;
}

const session = z.object({
  until: z.number(),
  members: z.array(z.object({ tenant: z.string(), member: z.string(), keyDigest: z.string() })),
});

/** A cookie named `__Host-…` is sent to exactly this host over https; browsers refuse the name without TLS. */
function cookieName(c: Context<AppEnv>, name: 'browser' | 'session'): string {
  return isSecure(c) ? `__Host-bulkhead-${name}` : `bulkhead-${name}`;
}

const isSecure = (c: Context<AppEnv>) => ownOrigin(c).startsWith('https:');

function saveCookie(c: Context<AppEnv>, name: 'browser' | 'session', value: string, maxAgeMs: number): void {
  setCookie(c, cookieName(c, name), value, {
    path: '/',
    httpOnly: true,
    secure: isSecure(c),
    // The person comes from another site, by a link or a redirect.
    sameSite: 'Lax',
    maxAge: maxAgeMs / 1000,
  });
}

const BROWSER = /^[0-9a-f]{32}$/;

/** The browser's id, if it has one. */
export function browserOf(c: Context<AppEnv>): string | undefined {
  const id = getCookie(c, cookieName(c, 'browser')) ?? '';
  return BROWSER.test(id) ? id : undefined;
}

/** The browser's id, which is kept for another ten minutes. */
export function rememberBrowser(c: Context<AppEnv>): string {
  const id = browserOf(c) ?? randomHex(16);
  saveCookie(c, 'browser', id, PAGE_MS);
  return id;
}

/** The members that the browser has signed in as, the newest first. */
export function sessionOf(c: Context<AppEnv>): SessionMember[] {
  const { config } = c.var.isolate;
  const text = getCookie(c, cookieName(c, 'session')) ?? '';
  const opened = sealerOf(config).open('session', text, session);
  if (opened === undefined || c.var.arrival.receivedAt >= opened.until) return [];
  return opened.members.flatMap(({ tenant, ...proof }) => {
    const id = parseTenantId(tenant);
    return id === undefined ? [] : [{ tenant: id, ...proof }];
  });
}

export function saveSession(c: Context<AppEnv>, members: readonly SessionMember[]): void {
  const until = c.var.arrival.receivedAt + SESSION_MS;
  const kept = members.slice(0, MAX_SESSION_MEMBERS);
  saveCookie(
    c,
    'session',
    sealerOf(c.var.isolate.config).seal('session', { until, members: kept }),
    SESSION_MS,
  );
}

/** Forgets that the browser has signed in as a member. */
export function forgetMember(c: Context<AppEnv>, tenant: TenantId, member: string): void {
  const known = sessionOf(c);
  const left = known.filter((each) => each.tenant !== tenant || each.member !== member);
  if (left.length < known.length) saveSession(c, left);
}

/** The session with one more member, who takes the place of the member's earlier sign-in. */
export const withMember = (members: readonly SessionMember[], added: SessionMember): SessionMember[] => [
  added,
  ...members.filter(({ tenant, member }) => tenant !== added.tenant || member !== added.member),
];
