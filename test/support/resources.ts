import { type HttpTenant, jsonOf } from './http.ts';
import type { Answer } from './tenant.ts';

/** What the suites of resources do again and again. */

export const write = (tenant: HttpTenant, key: string, value: unknown, more: Record<string, unknown> = {}) =>
  tenant.call('blackboard_write', { key, value, ...more });

export const list = async (tenant: HttpTenant, cursor?: unknown): Promise<Answer> =>
  jsonOf(await tenant.rpc('resources/list', cursor === undefined ? {} : { cursor }));

export const read = async (tenant: HttpTenant, uri: unknown): Promise<Answer> =>
  jsonOf(await tenant.rpc('resources/read', { uri }));
