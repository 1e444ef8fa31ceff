import { newTenantId, operate, send } from './http.ts';
import { Browser, type Fetch, HandClient } from './oauth-person.ts';

/** The sign-in inside workerd: members, browsers and clients of the Worker under test. */

export const ORIGIN = 'https://mcp.test';

export const fetchHere: Fetch = (url, init = {}) => {
  const { pathname, search } = new URL(url);
  return send(`${pathname}${search}`, {
    method: init.method ?? 'GET',
    headers: Object.fromEntries(new Headers(init.headers)),
    ...(typeof init.body === 'string' ? { body: init.body } : {}),
  });
};

export const newBrowser = () => new Browser(ORIGIN, fetchHere);
export const newClient = (metadata?: Record<string, unknown>) =>
  HandClient.register(ORIGIN, fetchHere, metadata);

export interface TestMember {
  readonly tenant: string;
  readonly id: string;
  readonly key: string;
}

const GENEROUS = { rate: 100_000, burst: 1_000_000 };

export async function addMember(tenant: string, member: Record<string, unknown> = {}): Promise<TestMember> {
  const added = await operate('POST', `/tenants/${tenant}/members`, { name: 'Ann', ...member });
  return { tenant, id: String(added.member_id), key: String(added.key) };
}

/** A member of a new tenant. */
export async function newMember(member: Record<string, unknown> = {}): Promise<TestMember> {
  const id = newTenantId();
  await operate('POST', '/tenants', { id });
  await operate('PATCH', `/tenants/${id}/limits`, GENEROUS);
  await operate('PATCH', `/tenants/${id}/limits`, { ...GENEROUS, tool: '*' });
  return addMember(id, member);
}
