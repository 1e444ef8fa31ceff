import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeSeparators, toJsonLine, toLogLine } from '../../src/json/json-line.ts';
import { StdioTransport } from '../../src/local/stdio-transport.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** Everything at which some reader ends a line. */
const SEPARATORS = /[\n\r\u0085\u2028\u2029]/;
const text = 'a\u2028b\u2029c\u0085d\ne\u009bf\u007f';

test('a JSON line has no separator and is the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, name) => {
      const document = { [name]: value, text };
      for (const line of [toJsonLine(document), toLogLine(document)]) {
        expect(line).not.toMatch(SEPARATORS);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(document)));
      }
    }),
  );
});

test('a log line has no other control character either', () => {
  expect(toLogLine({ text })).toBe('{"text":"a\\u2028b\\u2029c\\u0085d\\ne\\u009bf\\u007f"}');
  const lines: unknown[] = [];
  createLog(
    { level: 'info', format: 'json' },
    () => 0,
    (line) => lines.push(line),
  )({
    level: 'info',
    event: 'tool.call',
    tool: text,
  });
  expect(String(lines[0])).not.toMatch(/[\u007f-\u009f\u2028\u2029]/);
});

test('indented JSON keeps its own lines', () => {
  expect(escapeSeparators(JSON.stringify({ text }, null, 2)).split(/[\n\u0085\u2028\u2029]/)).toHaveLength(3);
});

test('what is written to stdout is one line a message', async () => {
  const output = new PassThrough();
  const transport = new StdioTransport(new PassThrough(), output, {
    onReceived: () => undefined,
    onAnswered: () => {},
    onInputEnd: () => {},
  });
  await transport.start();
  await transport.send({ jsonrpc: '2.0', id: 1, result: { text } });
  const written = String(output.read());
  expect(written.slice(0, -1)).not.toMatch(SEPARATORS);
  expect(JSON.parse(written).result).toEqual({ text });
});
