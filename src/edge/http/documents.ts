import type { Context } from 'hono';
import clients from '../../../docs/clients.md';
import plainHttp from '../../../docs/plain-http.md';
import stdio from '../../../docs/stdio.md';
import { notFound } from './boundary.ts';
import type { AppEnv } from './isolate.ts';

/**
 * The documents that a user of this server needs, as the repository has them. They are part of the Worker, so that they describe
 * the release that answers.
 */
export const DOCUMENTS = {
  'clients.md': { title: 'Connect a client', text: clients },
  'plain-http.md': { title: 'Call tools by plain HTTP', text: plainHttp },
  'stdio.md': { title: 'Use it over stdio', text: stdio },
} as const;

/** `GET /docs/:name`: one document as Markdown text, which every browser shows instead of downloading it. */
export function getDocument(c: Context<AppEnv>): Response | Promise<Response> {
  const name = c.req.param('name') ?? '';
  const document = Object.entries(DOCUMENTS).find(([known]) => known === name)?.[1];
  if (document === undefined) return notFound(c);
  return c.body(document.text, 200, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
}
