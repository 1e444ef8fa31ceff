import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';

/** Calls of tools as clients of either era send them. */

export const ERAS = ['2026-07-28', '2025-11-25'] as const;
export type Era = (typeof ERAS)[number];

export const JSON_HEADERS = { 'content-type': 'application/json' };
const CLIENT_INFO = { name: 'bench', version: '1.0.0' };
export const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT_INFO },
});

export function mcpHeaders(era: Era, tool: string): Record<string, string> {
  const standard = era === '2026-07-28' ? { 'mcp-method': 'tools/call', 'mcp-name': tool } : {};
  const accept = 'application/json, text/event-stream';
  return { ...JSON_HEADERS, accept, 'mcp-protocol-version': era, ...standard };
}

/** The body of a call; `id` is any id that the connection does not use at the same time. */
export function callBody(era: Era, name: string, args: object, id = 1): string {
  const _meta = {
    [PROTOCOL_VERSION_META_KEY]: era,
    [CLIENT_INFO_META_KEY]: CLIENT_INFO,
    [CLIENT_CAPABILITIES_META_KEY]: {},
  };
  const params = { name, arguments: args, ...(era === '2026-07-28' ? { _meta } : {}) };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params });
}

/** A request that must succeed, as JSON. */
export async function requestJson<T>(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<T> {
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status} ${text}`);
  return JSON.parse(text);
}
