import { expect, test } from 'vitest';
import { utf8Bytes } from '../../src/json/utf8.ts';

const PARTS = [
  'a',
  '\u007f',
  '\u0080',
  'é',
  '\u07ff',
  '\u0800',
  '日',
  '\uffff',
  '🛶',
  '\u{10ffff}',
  '\ud83d',
  '\udef6',
];
const encoder = new TextEncoder();

test('the size of a text is that of its bytes, whatever stands next to what', () => {
  for (const a of PARTS)
    for (const b of PARTS)
      for (const c of PARTS) {
        const text = a + b + c;
        expect(utf8Bytes(text), JSON.stringify(text)).toBe(encoder.encode(text).byteLength);
      }
});

test.each([0, 511, 512, 513, 5000])('so is that of a text of %i units', (units) => {
  for (const part of PARTS) {
    const text = part.repeat(units).slice(0, units);
    expect(utf8Bytes(text), JSON.stringify(part)).toBe(encoder.encode(text).byteLength);
  }
});
