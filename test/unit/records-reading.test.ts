import { describe, expect, test } from 'vitest';
import { WIDTH, widthOf } from '../../src/cli/columns.ts';
import { momentOf } from '../../src/cli/records-command.ts';
import { CallLines, explainText, runsText, traceText, verifyText } from '../../src/cli/records-text.ts';
import { painter } from '../../src/cli/tenant-records.ts';
import { redactForLog } from '../../src/telemetry/redact.ts';
import { SCANNED_PER_PAGE } from '../../src/tenant/records/reading/calls.ts';
import { recordsExplain } from '../../src/tenant/records/reading/explain.ts';
import { INTERNAL_FAMILIES } from '../../src/tenant/records/reading/filter.ts';
import type { Question } from '../../src/tenant/records/reading/readers.ts';
import { RECORD_TOOLS } from '../../src/tenant/records/reading/tools.ts';
import { TOOLS } from '../../src/tools/catalogue.ts';
import { familyOf } from '../../src/tools/families.ts';
import { TRANSPORT_TOOLS } from '../../src/transport-tools/catalogue.ts';
import { callRequest, createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { CREDENTIALS } from '../support/credential-corpus.ts';
import type { Answer } from '../support/tenant.ts';

function ask({ compartment }: TestCompartment, question: Question, args: object = {}): Answer {
  const answer = compartment.reading.ask(question, args);
  if (!answer.ok) throw new Error(answer.error.message);
  return JSON.parse(answer.value);
}

test('what is hidden by default is what transports do, and nothing that a client can call', () => {
  const internal = [...TRANSPORT_TOOLS, ...RECORD_TOOLS].map(familyOf);
  expect([...new Set(internal)].toSorted()).toEqual(INTERNAL_FAMILIES.toSorted());
  expect(TOOLS.filter((tool) => INTERNAL_FAMILIES.includes(familyOf(tool)))).toEqual([]);
});

test('a page looks at a bounded number of records, and the next one goes on where it stopped', () => {
  const tenant = createdCompartment();
  tenant.call(tenant.issue(), 'blackboard_write', { key: 'old', value: 1 });
  const columns =
    'took_ms, wait_ms, times, run, outcome, trace_id, span_id, request_id, token_id, transport, bytes_in, bytes_out, rev_from, rev_to, work, saved_micro_usd, size, hash';
  tenant.db.exec(
    `WITH RECURSIVE n (id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < ?)
     INSERT INTO records (id, at, tool, ${columns})
     SELECT n.id, r.at + n.id, 'scar_list', 0, 0, 1, run, outcome, trace_id, span_id, request_id, token_id, transport, 0, 0, 1, 1, 0, 0, 0, '' FROM n, records r WHERE r.id = 1`,
    SCANNED_PER_PAGE + 10,
  );
  const first = ask(tenant, 'calls', { tool: 'blackboard_write' });
  expect(first).toEqual({ calls: [], newest: expect.any(Number), next_cursor: expect.any(String) });
  const second = ask(tenant, 'calls', { tool: 'blackboard_write', cursor: first.next_cursor });
  expect(second).toMatchObject({ calls: [{ id: 1 }] });
  expect(second.next_cursor).toBeUndefined();
  const since = new Date(tenant.clock.now + SCANNED_PER_PAGE).toISOString();
  const until = new Date(tenant.clock.now + SCANNED_PER_PAGE + 2).toISOString();
  expect(ask(tenant, 'calls', { since, until }).calls.map(({ id }: Answer) => id)).toEqual([
    SCANNED_PER_PAGE + 1,
    SCANNED_PER_PAGE,
  ]);
});

test('changes that are not kept any more are named, and a cell is found by what has changed it', () => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  tenant.call(token, 'blackboard_write', {
    entries: [
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ],
  });
  tenant.call(token, 'blackboard_claim', { key: 'a', by: 'worker' });
  tenant.call(token, 'scar_record', {
    tool: 'npm',
    error_type: 'ERESOLVE',
    error_message: 'it does not resolve',
  });
  expect(ask(tenant, 'calls', { key: 'b' }).calls).toMatchObject([{ id: 1, rev_to: 2 }]);
  tenant.db.exec('DELETE FROM scars');
  const changes = ask(tenant, 'calls').calls.flatMap((entry: Answer) => entry.changes ?? []);
  expect(changes).toMatchObject([
    { rev: 4, what: 'not kept' },
    { rev: 3, what: 'claim', key: 'a', by: 'worker' },
    { rev: 1, what: 'set', key: 'a' },
    { rev: 2, what: 'set', key: 'b' },
  ]);
});

test('records stay readable when somebody has written into them', () => {
  const tenant = createdCompartment();
  tenant.call(tenant.issue(), 'blackboard_write', { key: 'k', value: 1 });
  tenant.db.exec("UPDATE records SET args = 'not JSON'");
  expect(ask(tenant, 'calls', { key: 'k' }).calls).toMatchObject([{ args: { unreadable: true } }]);
});

describe('text for a terminal', () => {
  const HOSTILE = ['\u001b[31mred\u202e', 'a\nb\r\u0007\u2066', '漢字'.repeat(60), 'x'.repeat(300), '👩‍🚀é'];
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
  const plain = painter(false, {});

  /** Calls of each kind, whose clients, agents and cells have names that attack a terminal. */
  function attacked(): TestCompartment {
    const tenant = createdCompartment({
      limits: { tenant: { rate: 1, burst: 9 }, tool: { rate: 1, burst: 9 } },
    });
    for (const text of HOSTILE) {
      const token = tenant.issue();
      const args = {
        key: text.replace(/\p{Cc}/gu, '').slice(0, 200),
        value: 1,
        by: text.replace(/\p{Cc}/gu, '').slice(0, 100),
      };
      for (const tool of ['blackboard_write', 'blackboard_write', text, 'scar_check']) {
        const request = callRequest(token, tool, args, tenant.clock.now);
        tenant.compartment.call({ ...request, caller: { ...request.caller, clientName: text } });
      }
    }
    return tenant;
  }

  test('has at most 100 columns and shows control and direction characters as codes', () => {
    const tenant = attacked();
    const { calls } = ask(tenant, 'calls', { limit: 200 });
    const { runs } = ask(tenant, 'runs');
    const traces = runs.map(({ run }: Answer) => {
      const shown = ask(tenant, 'run', { run });
      return traceText({ runs: [shown.run], calls: shown.calls, more: true }, plain);
    });
    const [entry] = calls;
    const explained = ask(tenant, 'explain', { id: entry.request_id });
    const texts = [
      new CallLines(plain).of(calls).join('\n'),
      runsText(runs),
      ...traces,
      explainText({ ...recordsExplain.output.parse(explained), text: explained.text + HOSTILE.join(' ') }),
    ];
    for (const line of texts.join('\n').split('\n')) {
      expect(line).not.toMatch(UNSEEN);
      expect(widthOf(line)).toBeLessThanOrEqual(WIDTH);
    }
    expect(texts.join()).toContain('<U+202E>');
    expect(texts[0]).toMatch(/rate_limited/);
  });

  test('has colours on a terminal only, and not if its user wants none', () => {
    const { calls } = ask(attacked(), 'calls');
    const shown = (...terminal: Parameters<typeof painter>) =>
      new CallLines(painter(...terminal)).of(calls).join();
    expect(shown(true, {})).toContain('\u001b[31mrate_limited');
    expect(shown(true, { NO_COLOR: '1' })).not.toContain('\u001b');
    expect(shown(false, {})).not.toContain('\u001b');
  });

  test.each([
    [{ verdict: 'intact' }, /^intact: records 1 to 9\. No signed head covers them yet/],
    [{ verdict: 'intact', anchored: { record: 5, at: '2026-11-26' } }, /Anchored up to 5 \(2026-11-26\)/],
    [{ verdict: 'broken', broken: { record: 7, what: 'end_missing' } }, /^broken at 7: end missing/],
  ] as const)('gives the verdict %j', (verdict, expected) => {
    const answer = { id: 't', first_record: 1, last_record: 9, records_without_hash: 0, ...verdict };
    expect(verifyText(answer)).toMatch(expected);
  });
});

describe('a time on the command line', () => {
  const now = new Date('2026-11-26T15:00:00Z');
  test.each([
    ['15m', '15m'],
    ['14:02', '2026-11-26T14:02:00.000Z'],
    ['2026-11-25', '2026-11-25T00:00:00.000Z'],
    ['2026-11-25 14:02', '2026-11-25T14:02:00.000Z'],
    ['2026-11-25T14:02:03+02:00', '2026-11-25T12:02:03.000Z'],
  ])('%s is read', (text, expected) => expect(momentOf(text, 'since', now)).toBe(expected));

  test.each(['', 'yesterday', '25:00', '1', '2026-13-40', '15 m', 'x'.repeat(1000)])(
    '%j is refused',
    (text) => {
      expect(() => momentOf(text, 'until', now)).toThrow(/^--until must be an age such as 15m, .*14:00/);
    },
  );
});

test('no credential that the log recognises is shown, wherever its caller has put it', () => {
  const corpus = CREDENTIALS.filter(
    ({ text, secrets }) =>
      text.length <= 120 &&
      !/\p{Cc}/u.test(text) &&
      secrets.every((secret) => !redactForLog(text, 128).includes(secret)),
  ).filter(({ kind }, index, all) => all.findIndex((other) => other.kind === kind) === index);
  expect(corpus.length).toBeGreaterThan(50);
  const tenant = createdCompartment();
  const token = tenant.issue();
  for (const { text } of corpus) {
    const request = callRequest(
      token,
      'blackboard_write',
      { key: text, value: text, by: text },
      tenant.clock.now,
    );
    tenant.compartment.call({
      ...request,
      caller: { ...request.caller, clientName: text, clientVersion: text },
    });
    tenant.call(token, 'scar_record', { error_type: text, error_message: text, target: text, agent: text });
    tenant.call(token, text);
    tenant.call(token, 'blackboard_read', { keys: [text] });
    tenant.call(token, 'blackboard_write', { entries: [{ key: text, value: 1 }] });
  }
  const shown: string[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = ask(tenant, 'calls', { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    shown.push(JSON.stringify(page));
    cursor = page.next_cursor;
  }
  const exported = tenant.compartment.reading.beginExport({});
  if (!exported.ok) throw new Error(exported.error.message);
  for (let range = exported.value.range, next: number | undefined = range.first; next !== undefined; ) {
    const step = tenant.compartment.reading.exportStep({ ...range, first: next });
    if (!step.ok) throw new Error(step.error.message);
    shown.push(step.value.lines);
    next = step.value.next;
  }
  shown.push(JSON.stringify(ask(tenant, 'runs', { limit: 200 })));
  const text = shown.join();
  expect(text.length).toBeGreaterThan(100_000);
  const found = corpus
    .flatMap(({ secrets }) => secrets)
    .filter((secret) => secret.length > 7 && text.includes(secret));
  expect(found).toEqual([]);
});
