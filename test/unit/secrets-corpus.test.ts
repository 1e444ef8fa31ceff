import { describe, expect, test } from 'vitest';
import { MAX_INSPECTED_CHARS, redactForLog } from '../../src/telemetry/redact.ts';
import { redactSecrets } from '../../src/telemetry/secrets.ts';
import { type CorpusText, CREDENTIALS, LOOK_ALIKES } from '../support/credential-corpus.ts';

const MIN_RECALL = 0.95;
const MIN_PRECISION = 0.98;
/** As many characters of a credential in a row are a part of it that is shown. */
const PART_CHARS = 8;

const redact = (text: string) => redactSecrets(text).text;

function isShown(secret: string, text: string): boolean {
  if (secret.length <= PART_CHARS) return text.includes(secret);
  for (let at = 0; at + PART_CHARS <= secret.length; at++) {
    if (text.includes(secret.slice(at, at + PART_CHARS))) return true;
  }
  return false;
}

const isRedacted = ({ text, secrets }: CorpusText) =>
  !secrets.some((secret) => isShown(secret, redact(text)));

function measure(tuning: boolean) {
  const credentials = CREDENTIALS.filter((entry) => entry.tuning === tuning);
  const lookAlikes = LOOK_ALIKES.filter((entry) => entry.tuning === tuning);
  const found = credentials.filter(isRedacted).length;
  const wrong = lookAlikes.filter(({ text }) => redact(text) !== text).length;
  return {
    recall: found / credentials.length,
    precision: found / (found + wrong),
    credentials: credentials.length,
    lookAlikes: lookAlikes.length,
  };
}

test('the corpus is as large as it says', () => {
  expect(new Set(CREDENTIALS.map(({ text }) => text)).size).toBeGreaterThanOrEqual(400);
  expect(new Set(LOOK_ALIKES.map(({ text }) => text)).size).toBeGreaterThanOrEqual(400);
  expect(CREDENTIALS.filter(({ secrets }) => secrets.length === 0)).toEqual([]);
});

test.each([
  ['tuned', true],
  ['held out', false],
])('credentials are found and look-alikes left alone: %s', (name, tuning) => {
  const { recall, precision, credentials, lookAlikes } = measure(tuning);
  process.stdout.write(
    `${name}: recall ${recall.toFixed(3)}, precision ${precision.toFixed(3)} (${credentials} credentials, ${lookAlikes} look-alikes)\n`,
  );
  expect(recall).toBeGreaterThanOrEqual(MIN_RECALL);
  expect(precision).toBeGreaterThanOrEqual(MIN_PRECISION);
});

test.each<[string, (text: string) => string]>([
  ['in a URL', (text) => `GET https://api.test/cb?next=${encodeURIComponent(`/a?b ${text}`)}`],
  ['after an escaped line break', (text) => `stderr: "exit 1\\n${text}"`],
  ['in JSON within JSON', (text) => JSON.stringify({ body: JSON.stringify({ log: `exit 1\n${text}` }) })],
])('nearly all that is recognised is recognised %s as well', (_place, write) => {
  const long = CREDENTIALS.filter(isRedacted).filter(({ secrets }) =>
    secrets.every((secret) => secret.length > PART_CHARS),
  );
  const found = long.filter(({ text, secrets }) => {
    const shown = redact(write(text));
    return !secrets.some((secret) =>
      [secret, encodeURIComponent(secret)].some((form) => isShown(form, shown)),
    );
  });
  expect(found.length / long.length).toBeGreaterThanOrEqual(0.99);
});

test('redacting twice changes nothing more', () => {
  for (const { text } of [...CREDENTIALS, ...LOOK_ALIKES]) {
    expect(redactSecrets(redact(text))).toEqual({ text: redact(text), count: 0 });
  }
});

describe('a text that is cut for the log shows no part of a credential', () => {
  const found = CREDENTIALS.filter(isRedacted);
  const fillers = [
    ['plain text', 'some words '.repeat(600)],
    // Redaction makes this one so short that the end of what is shown lies at the cut.
    ['a long credential', `password=${'p'.repeat(2500)} ${'some words '.repeat(100)}`],
  ] as const;

  test.each(fillers)('behind %s', (_name, filler) => {
    const shown: string[] = [];
    for (const { kind, text, secrets } of found) {
      for (const before of [100, 560, 3050, MAX_INSPECTED_CHARS - 40]) {
        const line = redactForLog(`${filler.slice(0, before)} ${text} and more ${'z '.repeat(4000)}`, 600);
        if (secrets.some((secret) => isShown(secret, line))) shown.push(`${kind} at ${before}: ${line}`);
      }
    }
    expect(shown).toEqual([]);
  });

  test('what is behind the first 4,096 characters is not read', () => {
    const read = `${'a b '.repeat(1024)}`;
    expect(redactForLog(`${read}password=hunter2`, 4096)).toBe(redactForLog(`${read}!`, 4096));
    expect(redactForLog(read, 4096)).toBe(read);
  });
});
