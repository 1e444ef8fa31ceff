import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJson } from '../../src/edge/http/body.ts';
import { RequestIdFinder } from '../../src/json/request-id.ts';

/** The id that is found in a text, which comes in pieces of so many bytes. */
function idIn(text: string, pieceBytes = 7): unknown {
  const bytes = new TextEncoder().encode(text);
  const finder = new RequestIdFinder();
  for (let at = 0; at < bytes.length; at += pieceBytes) finder.push(bytes.subarray(at, at + pieceBytes));
  return finder.id;
}

const id = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.maxSafeInteger(),
);
const members = fc.dictionary(fc.string({ maxLength: 12 }), fc.jsonValue(), { maxKeys: 6 });

test('the id of any request is found, wherever it stands and however it comes', () => {
  fc.assert(
    fc.property(
      id,
      members,
      members,
      fc.integer({ min: 1, max: 40 }),
      fc.nat(2),
      (id, before, after, bytes, blanks) => {
        const request = { ...before, method: 'm', id, ...after };
        const sent = Reflect.get(request, 'id');
        const expected = typeof sent === 'string' || Number.isSafeInteger(sent) ? sent : undefined;
        const found = idIn(JSON.stringify(request, null, blanks), bytes);
        expect(found).toEqual(expected);
      },
    ),
  );
});

describe('no id', () => {
  test.each([
    ['of a response', '{"id":1,"result":{"method":"m"}}'],
    ['of a batch', '[{"id":1,"method":"m"}]'],
    ['that is nested', '{"method":"m","params":{"id":1}}'],
    ['in a text', '{"method":"m","params":"\\",\\"id\\":1"}'],
    ['of 64 bits', '{"method":"m","id":9223372036854775807}'],
    ['that is an object', '{"method":"m","id":{"id":1}}'],
    ['that is null', '{"method":"m","id":null}'],
    ['that is longer than any id', `{"method":"m","id":"${'x'.repeat(3000)}"}`],
    ['that is a number of many digits', `{"method":"m","id":${'1'.repeat(3000)}}`],
    ['that has not ended', '{"method":"m","id":12'],
    ['of what is not JSON', 'id=1&method=m'],
  ])('%s', (_, text) => {
    expect(idIn(text)).toBeUndefined();
  });
});

test.each(['\\', '"', '[', '{"a":', '1', '"\\"', ','])('8 MiB of %j are passed over once', (unit) => {
  const finder = new RequestIdFinder();
  const piece = new TextEncoder().encode(unit.repeat(Math.ceil((1024 * 1024) / unit.length)));
  finder.push(new TextEncoder().encode('{"method":"m","id":3,"x":"'));
  for (let sent = 0; sent < 8; sent++) finder.push(piece);
  expect(finder.id).toBe(3);
});

test.each([
  ['first', (value: string) => `{"jsonrpc":"2.0","id":7,"method":"m","params":{"value":"${value}"}}`],
  ['last', (value: string) => `{"jsonrpc":"2.0","method":"m","params":{"value":"${value}"},"id":7}`],
  [
    'in the middle',
    (value: string) => `{"params":{"value":"${value}"},"id":7,"method":"m","x":["${value}"]}`,
  ],
])('a body over the limit is refused under its id, which stands %s', async (_, bodyOf) => {
  const body = bodyOf('x'.repeat(1500));
  for (const headers of [{}, { 'content-length': String(body.length) }]) {
    const sent = { 'content-type': 'application/json', ...headers };
    const stream = new Blob([body]).stream();
    const request = new Request('https://mcp.test/', {
      method: 'POST',
      headers: sent,
      body: stream,
      duplex: 'half',
    });
    expect(await readJson(request, 1000)).toMatchObject({ ok: false, error: { status: 413, rpcId: 7 } });
  }
});
