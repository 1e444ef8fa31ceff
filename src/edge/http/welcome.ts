import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { html, raw } from 'hono/html';
import { VERSION } from '../../version.ts';
import { DOCUMENTS } from './documents.ts';
import type { AppEnv } from './isolate.ts';

/** What `GET /` answers: a page for a browser, JSON for every other client. Neither names a tenant. */

const SUMMARY =
  'A multi-tenant MCP server for agent infrastructure: a shared blackboard, a memory of failures and a cache of model answers.';

const GUARANTEES = [
  [
    'Error boundary',
    'A failing tool answers with a structured error, and nothing internal leaves the server.',
  ],
  ['Tenant isolation', 'The tenant comes from the token, and each tenant has a database of its own.'],
  ['Rate limits', 'Token buckets for each tenant and each tool, with the exact time to wait.'],
  ['Structured logs', 'One JSON line for each call, with a trace id and redacted arguments.'],
  ['Authenticated transports', 'HTTP requires a bearer token; stdio trusts the process that started it.'],
] as const;

const LINKS = [
  ...Object.entries(DOCUMENTS).map(([name, { title }]) => ({ path: `/docs/${name}`, title })),
  { path: '/console', title: 'Console' },
  { path: '/openapi.json', title: 'OpenAPI description' },
  { path: '/health', title: 'Health' },
];

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dce2, #363c45); --soft: light-dark(#5a6472, #a3adba); --link: light-dark(#0b57b5, #86b7ff); }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.6 system-ui, sans-serif; background: light-dark(#fff, #14171b); color: light-dark(#1b1f24, #e8ebef); }
main { max-width: 42rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 2.25rem 0 0.5rem; font-size: 1.1rem; }
p { margin: 0.5rem 0; }
.soft, dd { color: var(--soft); }
pre { overflow-x: auto; margin: 0.75rem 0; padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.4rem; }
code { font: 0.9rem/1.5 ui-monospace, monospace; }
dl { margin: 0; }
dt { font-weight: 600; }
dd { margin: 0 0 0.6rem; }
ul { margin: 0; padding: 0; list-style: none; }
li a { display: block; padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
a { color: var(--link); }
`;

/** Allows the page's own style sheet, which it names by its digest, and nothing else: no script, no image, no frame. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const page = (mcpUrl: string) => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${SUMMARY}">
<title>Bulkhead</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>Bulkhead</h1>
<p>${SUMMARY}</p>
<p class="soft">Version ${VERSION}. This address serves programs; people look at what theirs do in the console.</p>
<h2>Connect</h2>
<p>Give your MCP client this URL, and sign in when it asks you to. A client that cannot sign in needs a token from the operator of this server:</p>
<pre tabindex="0"><code>${mcpUrl}
Authorization: Bearer TOKEN</code></pre>
<h2>What holds for every tool</h2>
<dl>${GUARANTEES.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
<h2>Read more</h2>
<ul>${LINKS.map(({ path, title }) => html`<li><a href="${path}">${title}</a></li>`)}</ul>
</main>
</body>
</html>
`;

const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** `GET /`. A client is sent the page only when its Accept header prefers text/html to JSON (RFC 9110, section 12.5.1). */
export async function welcome(c: Context<AppEnv>): Promise<Response> {
  const { mcpUrl, publicUrl } = c.var.isolate.config;
  // A cache must not give the page to a client that asked for JSON.
  c.header('Vary', 'Accept');
  const supports = ['application/json', 'text/html'];
  if (accepts(c, { header: 'Accept', supports, default: 'application/json' }) === 'text/html') {
    return c.html(page(mcpUrl), 200, PAGE_HEADERS);
  }
  const links = LINKS.map(({ path, title }) => ({ title, url: `${publicUrl}${path}` }));
  return c.json({ name: 'Bulkhead', version: VERSION, description: SUMMARY, mcp_url: mcpUrl, links });
}
