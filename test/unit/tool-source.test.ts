import { globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { usesOf } from '../support/tool-source.ts';
import { readTutorial } from '../support/tutorial.ts';

/**
 * A tool reaches what its context contains, and nothing else: no `fetch`, no socket, no environment, no clock and no other
 * platform. That holds for everything in `src/tools`, and for the tools that the tutorial shows.
 */

const GLOBALS = new Set([
  ...['Array', 'BigInt', 'Boolean', 'Date', 'Error', 'Infinity', 'Intl', 'JSON', 'Map', 'Math', 'NaN'],
  ...[
    'Number',
    'Object',
    'Promise',
    'RangeError',
    'Reflect',
    'RegExp',
    'Set',
    'String',
    'Symbol',
    'TypeError',
  ],
  ...['TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'Uint8Array', 'WeakMap', 'WeakSet'],
  ...['decodeURIComponent', 'encodeURIComponent', 'structuredClone', 'undefined'],
]);
/** Hashes of `node:crypto` are synchronous, which those of the platform are not. */
const MODULES = ['zod', 'node:crypto'];
const ROOMS = /^src\/(?:tools|telemetry|json)\//;

/** What a file of tools uses that it must not, and what to do about it. */
function problemsOf(file: string, code: string): string[] {
  const { imports, globals, detours } = usesOf(code);
  const isAllowed = (target: string) =>
    target.startsWith('.') ? ROOMS.test(normalize(join(file, '..', target))) : MODULES.includes(target);
  return [
    ...imports
      .filter((target) => !isAllowed(target))
      .map((target) => `imports ${target}: a tool reaches other systems by context.connection(name).`),
    ...globals
      .filter((name) => !GLOBALS.has(name))
      .map((name) => `uses ${name}: a tool has what its context contains, and no global of the platform.`),
    ...detours.map((name) => `uses ${name}: the time is context.now, and code is not made while it runs.`),
  ];
}

test.each(globSync('src/tools/**/*.ts'))('%s', (file) => {
  expect(problemsOf(file, readFileSync(file, 'utf8'))).toEqual([]);
});

const shown = readTutorial('docs/add-a-tool.md').steps.filter(
  (step) => step.kind === 'create' && step.file.startsWith('src/tools/'),
);
test.each(shown.map(({ file, code }) => [file, code]))('%s of the tutorial', (file, code) => {
  expect(problemsOf(file, code)).toEqual([]);
});

describe('the law finds', () => {
  test.each([
    "export const run = () => fetch('https://example.com/');",
    'const { fetch: get } = globalThis; export const run = () => get(1);',
    "export const run = () => new WebSocket('wss://example.com/');",
    'export const run = () => process.env.TOKEN;',
    'export const run = () => setTimeout(() => undefined, 1);',
    "export const run = () => import('node:net');",
    "import { connect } from 'node:net'; export const run = () => connect(1);",
    "import { env } from 'cloudflare:workers'; export const run = () => env;",
    "export { connect } from 'node:net';",
    "import { x } from '../../edge/app.ts'; export const run = () => x;",
    "export const run = () => (() => 1).constructor('return fetch')();",
    "export const run = () => (() => 1)['constructor']('return fetch')();",
    "export const run = () => eval('fetch');",
    'export const run = () => new Function(`return fetch`)();',
    'export const run = () => Date.now();',
    'export const run = () => new Date().getTime();',
    'export const run = (): number => Math.random();',
    'export const run = () => import.meta.url;',
    'export const run = (f = fetch) => f;',
    'export class Tool { run = self; }',
    'export const run = () => ({ fetch });',
    'export const run = () => caches.default;',
    'export const run = () => navigator.sendBeacon;',
    'const own = (fetch: number) => fetch; export const run = () => [own(1), fetch(1)];',
    'export const run = () => { { const process = 1; own(process); } return process.env; function own(x: number) {} };',
    "export const run = () => (() => 1)[`constructor`]('return fetch')();",
    "export const run = () => (() => 1)['con' + ('struc' + `tor`)]('return fetch')();",
    'const { constructor: C } = () => 1; export const run = () => C();',
    "export const run = () => Reflect.get(() => 1, 'constructor');",
    "import net = require('node:net'); export const run = () => net;",
    'const D = Date; export const run = () => D.now();',
    'const { now } = Date; export const run = () => now();',
    'export const run = () => Date();',
    'export const run = () => Reflect.construct(Date, []);',
    "export const run = (name: 'now') => Date[name]();",
    'const { random } = Math; export const run = () => random();',
  ])('%s', (code) => expect(problemsOf('src/tools/x/y.ts', code)).not.toEqual([]));

  test.each([
    "export const run = ({ connection }: C) => connection('crm').fetch('a');",
    "import type { Server } from 'node:net'; export const run = (x: Server) => ({ fetch: x });",
    'export function run(fetch: number) { return fetch; }',
    'export const run = (now: number) => new Date(now).toISOString();',
    'export const run = (x: unknown) => (x instanceof Date ? Date.parse(String(x)) : Math.max(1, 2));',
    'export const run = (xs: number[]) => { for (const name of xs) { try { f(name); } catch (name) { f(name); } } }; function f(x: unknown) {}',
    "import { text } from '../fields.ts'; export const run = () => text(1, 2);",
  ])('nothing in %s', (code) => expect(problemsOf('src/tools/x/y.ts', code)).toEqual([]));
});
