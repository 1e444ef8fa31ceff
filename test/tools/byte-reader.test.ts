import { expect, test } from 'vitest';
import { ByteReader } from '../../src/json/byte-reader.ts';

/** A stream of objects, as a program makes one. In Workers, `bytes` are as the network has them. */
function body(
  kind: 'bytes' | 'objects',
  parts: readonly Uint8Array<ArrayBuffer>[],
): ReadableStream<Uint8Array> {
  const Pipe: unknown = Reflect.get(globalThis, 'IdentityTransformStream');
  if (kind === 'bytes' && typeof Pipe === 'function') {
    const { readable, writable }: TransformStream<Uint8Array, Uint8Array> = Reflect.construct(Pipe, []);
    const writer = writable.getWriter();
    for (const part of parts) void writer.write(part);
    void writer.close();
    return readable;
  }
  let next = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const part = parts[next++];
    if (part === undefined) controller.close();
    else controller.enqueue(part);
  };
  return new ReadableStream<Uint8Array>({ pull });
}

async function read(stream: ReadableStream<Uint8Array>, atLeast?: number) {
  const reader = new ByteReader(stream);
  const parts: Uint8Array[] = [];
  for (let part = await reader.next(atLeast); part !== undefined; part = await reader.next(atLeast))
    parts.push(part);
  return { parts: parts.length, bytes: Buffer.concat(parts) };
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, n) => n % 251);
const cut = (whole: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, n) => whole.slice(n * size, (n + 1) * size));

test.each([
  ['bytes', 1],
  ['bytes', 40_000],
  ['bytes', 200_000],
  ['objects', 1],
  ['objects', 200_000],
] as const)('what a stream of %s in parts of %i bytes has is read as it is', async (type, size) => {
  const whole = bytes(size === 1 ? 5000 : 300_000);
  for (const atLeast of [undefined, 1000, 1_000_000]) {
    const found = await read(body(type, cut(whole, size)), atLeast);
    expect(found.bytes.equals(whole)).toBe(true);
    if (type === 'bytes' && atLeast !== undefined && 'IdentityTransformStream' in globalThis)
      expect(found.parts).toBeLessThan(10);
  }
});

test('an empty body has no part', async () => {
  expect(await read(body('bytes', []))).toMatchObject({ parts: 0 });
  expect(await read(body('objects', [new Uint8Array(0)]))).toMatchObject({ parts: 0 });
});
