import { expect, test } from 'vitest';
import { LineSplitter } from '../../src/json/lines.ts';

function split(maxBytes: number, ...chunks: (string | Buffer)[]): unknown[] {
  const seen: unknown[] = [];
  const splitter = new LineSplitter(
    {
      onLine: (line) => seen.push(line.toString('utf8')),
      onOversizedLine: (id) => seen.push({ tooLong: id }),
    },
    maxBytes,
  );
  for (const chunk of chunks) splitter.push(Buffer.from(chunk as string));
  return seen;
}

test('lines come in any pieces, and a character may be cut', () => {
  const [head, tail] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  expect(split(100, 'a\nb', 'c\r\n\n', head, tail, '\nrest')).toEqual(['a', 'bc\r', '', 'é']);
});

const padding = 'x'.repeat(2000);
test.each([
  ['first', { jsonrpc: '2.0', id: 12, method: 'm', params: { padding } }, 12],
  ['first, a text', { id: 'a"b', method: 'm', params: { padding } }, 'a"b'],
  ['first, after others', { method: 'm', jsonrpc: '2.0', id: 4, params: { padding } }, 4],
  ['last', { method: 'm', params: { id: 99, padding }, jsonrpc: '2.0', id: 7 }, 7],
  [
    'in the middle',
    { jsonrpc: '2.0', params: { padding }, id: 'middle', method: 'm', more: [padding] },
    'middle',
  ],
  ['between nested values', { params: { padding }, id: 6, more: [{ id: 5 }, padding], method: 'm' }, 6],
  ['of a batch', [{ jsonrpc: '2.0', id: 5, method: 'm', params: { padding } }], undefined],
  ['in a text', { method: 'm', params: { padding, text: ',"id":5,' } }, undefined],
  ['last but the version', { method: 'm', params: { padding }, id: 8, jsonrpc: '2.0' }, 8],
  ['of something else', { method: 'm', params: { padding, id: 5 } }, undefined],
  ['of a response', { jsonrpc: '2.0', id: 5, result: { padding, method: 'm' } }, undefined],
  ['of a response, last', { result: { method: 'm', padding }, jsonrpc: '2.0', id: 5 }, undefined],
  ['none', { method: 'm', params: { padding } }, undefined],
])('lines that are too long are dropped, their id %s', (_where, message, id) => {
  const line = JSON.stringify(message);
  const pieces = line.match(/.{1,100}/g) ?? [];
  expect(split(1000, ...pieces, '\nnext\n')).toEqual([{ tooLong: id }, 'next']);
  expect(split(1000, `${line}\nnext\n`)).toEqual([{ tooLong: id }, 'next']);
  expect(split(line.length, `${line}\n`)).toEqual([line]);
});

test.each([
  ['"id":12,"method":"m"', 12],
  ['"method":"m","jsonrpc":"2.0","id":"a"', 'a'],
  ['"id":9223372036854775807,"method":"m"', undefined],
  ['"id":1.00000000000000001,"method":"m"', undefined],
])('a line that begins with %s is told as too long before it ends', (members, id) => {
  const start = `{${members},"params":{"padding":"${padding}`;
  expect(split(1000, start)).toEqual(id === undefined ? [] : [{ tooLong: id }]);
  expect(split(1000, start, padding, '"}}\n', 'next\n')).toEqual([{ tooLong: id }, 'next']);
});
