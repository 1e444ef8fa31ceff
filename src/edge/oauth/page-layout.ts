import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import type { AppEnv } from '../http/isolate.ts';
import { pageHeaders } from '../http/page-headers.ts';

/** The frame of every page of the sign-in: no script, no image, no font, and nothing from another place. */

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c3c9d2, #454c57); --soft: light-dark(#4f5966, #aab4c0); --link: light-dark(#0b57b5, #86b7ff);
  --warn: light-dark(#fff3cd, #3b3011); --warn-line: light-dark(#b98900, #a8842a); --bad: light-dark(#a4171c, #ff9a9a); }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.55 system-ui, sans-serif; background: light-dark(#fff, #14171b); color: light-dark(#1b1f24, #e8ebef); overflow-wrap: anywhere; }
main { max-width: 30rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.01em; }
p { margin: 0.6rem 0; }
.soft { color: var(--soft); }
.bad { color: var(--bad); font-weight: 600; }
.warn { padding: 0.6rem 0.8rem; border: 1px solid var(--warn-line); border-radius: 0.4rem; background: var(--warn); }
a { color: var(--link); }
.name { font-family: ui-monospace, monospace; font-weight: 400; user-select: all; }
fieldset { margin: 1.25rem 0 0; padding: 0; border: 0; }
details { margin: 1rem 0 0; padding: 0 0 0 0.2rem; }
summary { min-height: 1.75rem; color: var(--link); cursor: pointer; }
legend, .label { display: block; padding: 0; margin: 0 0 0.3rem; font-weight: 600; }
.choice { display: flex; gap: 0.6rem; align-items: flex-start; padding: 0.4rem 0; }
.choice input { flex: none; width: 1.15rem; height: 1.15rem; margin: 0.2rem 0 0; }
.key { width: 100%; min-height: 2.75rem; padding: 0.5rem 0.7rem; border: 1px solid var(--soft); border-radius: 0.4rem; font: inherit; color: inherit; background: transparent; }
.away { position: absolute; width: 1px; height: 1px; overflow: hidden; opacity: 0; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.6rem; margin: 1.5rem 0 0; }
button, .button { display: inline-block; min-height: 2.75rem; padding: 0.55rem 1.1rem; border: 1px solid var(--soft); border-radius: 0.4rem; font: inherit; color: inherit; background: transparent; cursor: pointer; text-decoration: none; }
.first { border-color: transparent; background: light-dark(#0b57b5, #86b7ff); color: light-dark(#fff, #10151b); font-weight: 600; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;

const HEADERS = pageHeaders([`style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`]);

export type Html = ReturnType<typeof html>;

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly status?: 200 | 400 | 403 | 429 | 503;
  /** Where the browser goes by itself. A redirect in answer to a form would be subject to the policy `form-action`. */
  readonly goTo?: string | undefined;
}

export async function respondPage(
  c: Context<AppEnv>,
  { title, body, status = 200, goTo }: Page,
): Promise<Response> {
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
${goTo === undefined ? '' : html`<meta http-equiv="refresh" content="0;url=${goTo}">`}
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`;
  return c.html(page, status, HEADERS);
}
