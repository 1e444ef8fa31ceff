import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { AppEnv } from '../http/isolate.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/**
 * The stylesheet and the script of the console. They are part of the Worker, not files of `[assets]`: they belong to the
 * release that renders the pages, get the same checks and headers, and are there wherever the Worker runs.
 */

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** Their paths name their content, so that a browser keeps them for ever and a new release is seen at once. */
export const STYLE_PATH = `/console/assets/${digestOf(STYLE)}.css`;
export const SCRIPT_PATH = `/console/assets/${digestOf(SCRIPT)}.js`;

const HEADERS = {
  'cache-control': 'public, max-age=31536000, immutable',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

export const getStyle = (c: Context<AppEnv>) =>
  c.body(STYLE, 200, { ...HEADERS, 'content-type': 'text/css; charset=utf-8' });
export const getScript = (c: Context<AppEnv>) =>
  c.body(SCRIPT, 200, { ...HEADERS, 'content-type': 'text/javascript; charset=utf-8' });
