import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { serveLocal } from '../../src/local/serve.ts';

test('a promise that a tool has dropped is logged when it fails, and the server goes on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-serve-'));
  const before = process.listenerCount('unhandledRejection');
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const stop = new AbortController();
  const streams = { input, output, errors, stop: stop.signal };
  const served = serveLocal({ directory, logLevel: 'warn', collector: undefined, ...streams });
  process.listeners('unhandledRejection').at(-1)?.(new Error('dropped'), Promise.resolve());
  expect(JSON.parse(String(errors.read()))).toMatchObject({
    level: 'error',
    event: 'edge.error',
    code: 'internal',
  });
  stop.abort();
  await served;
  expect(process.listenerCount('unhandledRejection')).toBe(before);
  rmSync(directory, { recursive: true });
});
