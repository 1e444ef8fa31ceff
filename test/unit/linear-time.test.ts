import { createHmac } from 'node:crypto';
import { validateHostHeader } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { checkAccept, prefersStream } from '../../src/edge/mcp/accept.ts';
import { findInexactNumber } from '../../src/json/inexact-number.ts';
import { describeCause, redactArgs, redactForLog } from '../../src/telemetry/redact.ts';
import { redactSecrets } from '../../src/telemetry/secrets.ts';
import { continueTrace } from '../../src/telemetry/trace.ts';
import { unseal } from '../../src/tenant/storage/seal.ts';
import { parsePointer } from '../../src/tools/blackboard/json-pointer.ts';
import { searchText } from '../../src/tools/blackboard/search-text.ts';
import { previewLine, termsOf } from '../../src/tools/cache/question-text.ts';
import { cursorsOf } from '../../src/tools/cursor.ts';
import { actionKey } from '../../src/tools/scar/command-line.ts';
import { decisiveWordsOf } from '../../src/tools/scar/decisive-words.ts';
import { normaliseV1 } from '../../src/tools/scar/fingerprint-v1/normalise.ts';
import { foldCode, foldErrorType, foldTool } from '../../src/tools/scar/names.ts';
import { tokensOf } from '../../src/tools/scar/tokens.ts';
import { queryTerms } from '../../src/tools/search.ts';
import { parseCellUri } from '../../src/transport-tools/cell-uri.ts';
import { growthOf, MAX_GROWTH, repeatTo } from '../support/growth.ts';

/** Texts that a pattern may begin to match at many places and then not match. Half of them end in something else. */
const SEEDS = [
  ...[
    'a',
    '0',
    '.',
    '/',
    '"',
    "'",
    ' ',
    '@',
    '=',
    '\n',
    '数',
    'eyJ-',
    'eyJ-eyJ.',
    'SG.',
    'sk-',
    'a|',
    '1//0',
    '0:',
    '::',
  ],
  ...[
    '1.1.1.',
    'deadbee',
    '\\"',
    '://',
    '://a:',
    'a@a.',
    'c:\\',
    '\\',
    '[redacted:',
    '2026-01-01T',
    'mon, ',
    'a,',
    '~0',
    '%2',
  ],
  ...[
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    'Private-Lines: 1 ',
    'Bearer ',
    'cookie: a=',
  ],
  ...[
    'authorization: ',
    'password',
    "token='",
    '--api-key',
    '-u a:',
    'mysql -p',
    'name="a" value=',
    '<password>',
    'a=',
  ],
  ...['&sig=', "column 'a'"],
  ...[' at a(', ' at a.b(c:1', '\n at a (b:1', '\n#0 a(', '\ngoroutine 1 [a'],
  ...['a@', 'a@b.', 'a.b', 'a-b-', 'db-1', 'host a', 'branch a', '] a -> ', 'bcdfgh-'],
  ...['1.', '1.1-', 'version 1.', 'line 1:', '[a1234', "'aB'", "'a_", "'a::", 'a::', "a 'b", 'a | '],
];
const tailOf = (seed: string) => (SEEDS.indexOf(seed) % 2 === 0 ? '' : '" x');

const policies = { field: 'plain' } as const;
const sealed = (text: string) => createHmac('sha256', 'k').update(text).digest('base64url') + text;

/** A request with a header, whose values hold printable ASCII only. */
const header = (name: string, value: string) =>
  new Request('http://localhost/mcp', { method: 'POST', headers: { [name]: value.replace(/[^ -~]/g, 'x') } });

/** Everything that reads a caller's text by a pattern. The words of a failure include its normalisation. */
const READERS: readonly (readonly [string, (text: string) => unknown])[] = [
  ['credentials', redactSecrets],
  ['normalisation, version 1', normaliseV1],
  [
    'normalisation and words of a failure',
    (text) => [tokensOf(text), decisiveWordsOf(`not found ${text}`, text)],
  ],
  ['names of tools and errors', (text) => [foldTool, foldErrorType, foldCode].map((fold) => fold(text))],
  ['what a command line does', actionKey],
  ['terms of a search', queryTerms],
  ['JSON Pointers', (text) => parsePointer(`/${text}`)],
  ['cursors', (text) => unseal('k', 'test', sealed(text))],
  ['URIs of cells', (text) => parseCellUri(`blackboard://${text}`)],
  ['numbers in JSON', (text) => findInexactNumber(JSON.stringify([text]))],
  ['the Host header', (text) => validateHostHeader(text, ['localhost'])],
  [
    'the Accept header',
    (text) => [checkAccept, prefersStream].map((read) => read(header('accept', `text/event-stream;${text}`))),
  ],
  ['the index of cells', (text) => searchText(text, [], text)],
  ['the index of cached answers', (text) => [previewLine(text), termsOf(text)]],
  ['traceparent', (text) => continueTrace({ traceparent: `00-${text}` })],
];

test('there are enough shapes', () => {
  expect(new Set(SEEDS).size).toBeGreaterThanOrEqual(42);
});

test.each(READERS)(
  'time grows with the length of the text, up to 1 MiB: %s',
  (_name, read) => {
    const growsFaster = (seed: string) => growthOf(read, seed, tailOf(seed)) > MAX_GROWTH;
    // Measured again when it seems so: pauses of the collector fall into some of the tries, and growth into all.
    const TRIES = 5;
    expect(SEEDS.filter((seed) => Array.from({ length: TRIES }).every(() => growsFaster(seed)))).toEqual([]);
  },
  60_000,
);

test('the cursor of another list is refused whatever it holds', () => {
  const position = repeatTo('.', 1024 * 1024);
  const cursors = cursorsOf('test', z.string());
  expect(() => cursors.decode({ unseal: () => position }, {}, 'x')).toThrow('cursor does not belong');
});

describe('what is logged depends on the beginning of a text only', () => {
  const read = (text: string) => [
    redactForLog(text, 256),
    redactArgs({ field: text, list: [text] }, { ...policies, list: 'plain' }),
    describeCause(new Error(text), {}, {}).message,
  ];
  test.each(SEEDS.map((seed) => [seed]))('%j', (seed) => {
    expect(read(repeatTo(seed, 1024 * 1024))).toEqual(read(repeatTo(seed, 8 * 1024)));
  });
});
