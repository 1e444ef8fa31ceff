import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

const DAY_MS = 24 * 3_600_000;
const failure = {
  error_type: 'HTTPError',
  error_message: 'HTTP 429 Too Many Requests from https://api.example.com/v1/a for job 11111',
  tool: 'search',
};

test('a new failure is recorded, and the same one with other ids is counted', async () => {
  const tenant = await openTenant();
  const first = await tenant.ok('scar_record', failure);
  expect(first).toEqual({
    status: 'new',
    scar_id: expect.stringMatching(/^scar_\d+$/),
    fingerprint: expect.stringMatching(/^v2:[0-9a-f]{32}$/),
    occurrences: 1,
    occurrences_in_run: 0,
    verdict: 'clear',
    redacted: 0,
  });
  const again = await (await tenant.otherPrincipal()).ok('scar_record', {
    ...failure,
    agent: 'someone else',
    error_message: 'HTTP 429 Too  Many Requests from https://api.example.com/v2/b?x=1 for job 22222',
  });
  expect(again).toEqual({ ...first, status: 'seen', occurrences: 2, verdict: 'caution' });
});

test('another three-digit code is another failure', async () => {
  const tenant = await openTenant();
  const first = await tenant.ok('scar_record', failure);
  const other = await tenant.ok('scar_record', {
    ...failure,
    error_message: failure.error_message.replace('429', '404'),
  });
  expect(other.status).toBe('new');
  expect(other.scar_id).not.toBe(first.scar_id);
});

test('the fix that was known before comes back, whole, with author and age', async () => {
  const tenant = await openTenant();
  const resolution = `wait as told, then repeat. ${'x'.repeat(3000)}`;
  const first = await tenant.ok('scar_record', { ...failure, agent: 'alice', resolution });
  expect(first.known_fix).toBeUndefined();
  tenant.advance(90_999);
  const again = await tenant.ok('scar_record', { ...failure, agent: 'bob', resolution: 'use another host' });
  expect(again.known_fix).toEqual({
    fix_id: expect.stringMatching(/^fix_\d+$/),
    resolution,
    confidence: 0,
    worked: 0,
    failed: 0,
    verified: false,
    agent: 'alice',
    age_s: 90,
  });
  const third = await tenant.ok('scar_record', failure);
  expect(third.known_fix).toMatchObject({ resolution: 'use another host', agent: 'bob' });
});

test('a resolution that differs in case and white space is no second fix', async () => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', { ...failure, resolution: 'Raise the timeout' });
  await tenant.ok('scar_record', { ...failure, resolution: ' raise  the TIMEOUT\n' });
  await tenant.ok('scar_record', { ...failure, resolution: '  \n ' });
  const { scars, fixes } = await tenant.ok('scar_lookup', failure);
  expect(scars[0].fixes).toBe(1);
  expect(fixes[0].resolution).toBe('Raise the timeout');
});

describe('verdict', () => {
  test('the second time in one run is a stop, in another run it is not', async () => {
    const tenant = await openTenant();
    const report = (run_id?: string) => tenant.ok('scar_record', { ...failure, run_id });
    expect(await report('r1')).toMatchObject({ verdict: 'clear', occurrences: 1, occurrences_in_run: 1 });
    expect(await report('r2')).toMatchObject({ verdict: 'caution', occurrences: 2, occurrences_in_run: 1 });
    expect(await report('r1')).toMatchObject({ verdict: 'stop', occurrences: 3, occurrences_in_run: 2 });
    expect(await report()).toMatchObject({ verdict: 'caution', occurrences: 4, occurrences_in_run: 0 });
  });

  test('a deterministic failure without a standing fix is a stop from the third time on', async () => {
    const tenant = await openTenant();
    const report = () => tenant.ok('scar_record', { ...failure, class: 'deterministic', resolution: 'x' });
    expect((await report()).verdict).toBe('clear');
    expect((await report()).verdict).toBe('caution');
    const { scar_id, verdict } = await report();
    expect(verdict).toBe('stop');
    for (let i = 0; i < 4; i++) await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' });
    expect((await report()).verdict).toBe('caution');
  });

  test('an environmental failure is never a stop', async () => {
    const tenant = await openTenant();
    const report = { ...failure, class: 'environmental', run_id: 'r' };
    await tenant.ok('scar_record', report);
    for (let i = 0; i < 3; i++) expect((await tenant.ok('scar_record', report)).verdict).toBe('caution');
  });

  test('a class that was not known is learnt later, one that was stays', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', failure);
    await tenant.ok('scar_record', { ...failure, class: 'transient', cause: 'quota', severity: 'low' });
    await tenant.ok('scar_record', { ...failure, class: 'deterministic', cause: 'other', severity: 'high' });
    const { scars } = await tenant.ok('scar_lookup', failure);
    expect(scars[0]).toMatchObject({ class: 'transient', cause: 'quota', severity: 'low' });
  });
});

test('a resolved failure that is seen again has regressed, once', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', { ...failure, resolution: 'x' });
  expect((await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' })).state).toBe('resolved');
  expect((await tenant.ok('scar_record', failure)).status).toBe('regressed');
  expect((await tenant.ok('scar_record', failure)).status).toBe('seen');
  expect((await tenant.ok('scar_lookup', failure)).scars[0].state).toBe('regressed');
  expect((await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' })).state).toBe('resolved');
});

test('what a run did is forgotten after a week, and for the runs of longest ago when there are many', async () => {
  const tenant = await openTenant();
  const report = (run_id: string) => tenant.ok('scar_record', { ...failure, run_id });
  await report('old');
  tenant.advance(7 * DAY_MS - 1);
  expect((await report('old')).occurrences_in_run).toBe(2);
  tenant.advance(7 * DAY_MS);
  expect((await report('old')).occurrences_in_run).toBe(1);
  tenant.advance(1);
  await report('second');
  tenant.advance(1);
  for (let i = 0; i < 63; i++) await report(`run ${i}`);
  expect((await report('second')).occurrences_in_run).toBe(2);
  expect((await report('old')).occurrences_in_run).toBe(1);
});

describe('credentials', () => {
  const secret = 'sk-live-abcdefghijklmnop1234';
  const report = {
    error_type: `AuthError ${secret}`,
    error_message: `key ${secret} refused`,
    context: `password=${secret}`,
    tool: `curl ${secret}`,
    target: `https://joe:${secret}@example.com`,
    action: `curl -u joe:${secret} example.com`,
    cause: `${secret} has expired`,
    resolution: `replace ${secret}`,
    error_code: secret,
    project: secret,
    agent: secret,
    run_id: secret,
    tags: [secret],
  };

  test('are taken out before anything is stored or shown', async () => {
    const tenant = await openTenant();
    const recorded = await tenant.ok('scar_record', report);
    expect(recorded.redacted).toBeGreaterThanOrEqual(13);
    const { resolution: _, action: __, cause: ___, run_id: ____, tags: _____, ...asked } = report;
    const found = await tenant.ok('scar_lookup', asked);
    expect(found).toMatchObject({ match: 'exact', resolution: 'replace [redacted:api_key]' });
    expect(JSON.stringify([recorded, found])).not.toContain('abcdefghijklmnop1234');
  });

  test('do not tell failures apart', async () => {
    const tenant = await openTenant();
    const first = await tenant.ok('scar_record', report);
    const other = JSON.parse(JSON.stringify(report).replaceAll('1234', '9876'));
    expect(await tenant.ok('scar_record', other)).toMatchObject({
      status: 'seen',
      fingerprint: first.fingerprint,
    });
  });
});

describe('limits', () => {
  test.each([
    ['error_message', 8192],
    ['context', 4096],
    ['resolution', 4096],
    ['action', 2048],
    ['cause', 2048],
  ])('%s of %i bytes is taken, one more is too_large', async (field, limit) => {
    const tenant = await openTenant();
    const fits = 'é'.repeat(limit / 2);
    expect((await tenant.ok('scar_record', { error_type: 'E', [field]: fits })).status).toBe('new');
    expect(await tenant.error('scar_record', { error_type: 'E', [field]: `${fits}x` })).toMatchObject({
      code: 'too_large',
      field,
      limit,
      message: expect.stringContaining(`${limit} bytes`),
    });
  });

  test.each([
    ['error_type', ''],
    ['error_type', 'x'.repeat(257)],
    ['error_type', 'line\nbreak'],
    ['tool', 'x'.repeat(129)],
    ['target', 'x'.repeat(513)],
    ['error_code', 'x'.repeat(65)],
    ['error_code', true],
    ['class', 'flaky'],
    ['severity', 'minor'],
    ['tags', Array.from({ length: 17 }, (_, i) => `t${i}`)],
    ['context', { an: 'object' }],
    ['tenant', 'other'],
  ])('%s: %j is refused', async (field, value) => {
    const tenant = await openTenant();
    const error = await tenant.error('scar_record', { error_type: 'E', [field]: value });
    expect(error).toMatchObject({ code: 'invalid_input', field });
  });

  test('a scar keeps ten fixes, and of unproven ones the newest', async () => {
    const tenant = await openTenant();
    const add = (resolution: string) => tenant.ok('scar_record', { ...failure, resolution });
    const { scar_id } = await add('proven');
    await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' });
    for (let i = 1; i <= 11; i++) await add(`fix ${i}`);
    const found = await tenant.ok('scar_lookup', failure);
    expect(found.scars[0].fixes).toBe(10);
    expect(found.left_out).toEqual({ scars: 0, fixes: 5 });
    expect(found.fixes.map((fix: { resolution: string }) => fix.resolution)).toEqual([
      'proven',
      'fix 11',
      'fix 10',
      'fix 9',
      'fix 8',
    ]);
    expect((await add('fix 3')).status).toBe('seen');
    expect((await tenant.ok('scar_lookup', failure)).fixes[1].resolution).toBe('fix 11');
    await add('fix 1');
    expect((await tenant.ok('scar_lookup', failure)).fixes[1].resolution).toBe('fix 1');
  });

  test('tags are a set of at most sixteen', async () => {
    const tenant = await openTenant();
    const some = (from: number) => Array.from({ length: 10 }, (_, i) => `t${from + i}`);
    await tenant.ok('scar_record', { ...failure, tags: [...some(0), 't0'] });
    await tenant.ok('scar_record', { ...failure, tags: some(8) });
    const { scars } = await tenant.ok('scar_lookup', failure);
    expect(scars[0].tags).toEqual(Array.from({ length: 16 }, (_, i) => `t${i}`));
  });
});

test('a repeat with the same idempotency_key counts once', async () => {
  const tenant = await openTenant();
  const report = { ...failure, run_id: 'r', idempotency_key: 'k' };
  const first = await tenant.ok('scar_record', report);
  expect(await tenant.ok('scar_record', report)).toEqual(first);
  expect((await tenant.ok('scar_lookup', failure)).scars[0].occurrences).toBe(1);
  expect(await tenant.error('scar_record', { ...report, run_id: 's' })).toMatchObject({
    code: 'invalid_input',
    field: 'idempotency_key',
  });
});
