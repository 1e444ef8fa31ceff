import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

const known = {
  error_type: 'TimeoutError',
  error_message: 'billing index rejected shard allocation while orders were imported',
  tool: 'bash',
  action: 'pytest tests/billing.py',
  resolution: 'raise the watermark',
};
const alike = {
  error_type: 'timeout',
  error_message: 'importer stopped: billing index rejected shard allocation while orders were imported',
  tool: 'Terminal',
};

describe('a failure recorded for the first time that resembles a known one', () => {
  test('says so, with the fix of that one', async () => {
    const tenant = await openTenant();
    const { scar_id } = await tenant.ok('scar_record', known);
    const recorded = await tenant.ok('scar_record', alike);
    expect(recorded).toMatchObject({
      status: 'new',
      occurrences: 1,
      verdict: 'caution',
      similar: { scar_id, state: 'open', matched_by: 'words', error_type: 'TimeoutError', occurrences: 1 },
      known_fix: { resolution: known.resolution },
    });
    expect(recorded.scar_id).not.toBe(scar_id);
    expect((await tenant.ok('scar_record', alike)).similar).toBeUndefined();
  });

  test('resembles nothing when nothing is alike, or when that one is muted', async () => {
    const tenant = await openTenant();
    const { scar_id } = await tenant.ok('scar_record', known);
    const other = { ...alike, error_message: 'certificate of the mail relay has expired' };
    const recorded = await tenant.ok('scar_record', other);
    expect([recorded.verdict, recorded.similar]).toEqual(['clear', undefined]);
    await tenant.ok('scar_update', { scar_id, status: 'muted' });
    expect((await tenant.ok('scar_record', alike)).similar).toBeUndefined();
  });

  test('resembles one that matches, also when better ones do not', async () => {
    const tenant = await openTenant();
    const { scar_id } = await tenant.ok('scar_record', known);
    // Each has more words in common with the new failure than the known one has, and one word in place of its `importer`.
    for (const prefix of ['nightly', 'weekly', 'monthly', 'yearly']) {
      const error_message = alike.error_message.replace('importer', prefix);
      await tenant.ok('scar_record', { ...alike, error_message });
    }
    const recorded = await tenant.ok('scar_record', alike);
    expect(recorded).toMatchObject({ similar: { scar_id }, known_fix: { resolution: known.resolution } });
  });

  test('counts towards the verdict of its run', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...known, run_id: 'r' });
    expect((await tenant.ok('scar_record', { ...alike, run_id: 'r' })).verdict).toBe('stop');
    const again = { ...alike, error_message: `nightly: ${alike.error_message}`, run_id: 's' };
    expect((await tenant.ok('scar_record', again)).verdict).toBe('caution');
  });

  test('counts as one more of a deterministic failure', async () => {
    const tenant = await openTenant();
    for (let i = 0; i < 2; i++) await tenant.ok('scar_record', { ...known, class: 'deterministic' });
    expect((await tenant.ok('scar_record', alike)).verdict).toBe('stop');
  });
});

test('a failure under another name of its tool, type and code is the same one', async () => {
  const tenant = await openTenant();
  const failure = {
    tool: 'bash',
    error_type: 'TimeoutError',
    error_code: '504',
    error_message: 'gateway gave up',
  };
  const { scar_id } = await tenant.ok('scar_record', failure);
  const renamed = { ...failure, tool: 'run_in_terminal', error_type: 'timeout', error_code: 'HTTP 504' };
  expect(await tenant.ok('scar_record', renamed)).toMatchObject({ status: 'seen', scar_id });
  expect((await tenant.ok('scar_lookup', renamed)).match).toBe('exact');
  expect((await tenant.ok('scar_record', { ...renamed, tool: 'browser' })).status).toBe('new');
});

test('the same tool and target under another name of the tool', async () => {
  const tenant = await openTenant();
  const failure = { tool: 'Shell', target: 'shop', error_type: 'ExitError', error_message: 'build broke' };
  await tenant.ok('scar_record', failure);
  const found = await tenant.ok('scar_check', {
    tool: 'execute_command',
    target: 'shop',
    action: 'make all',
  });
  expect(found.scars[0]?.matched_by).toBe('tool_target');
});

test.each([
  'cd app && python -m pytest tests/billing.py',
  'sudo /usr/bin/pytest -v ./tests/billing.py 2>&1 | tail -20',
  'CI=1 uv run pytest "tests/billing.py" > out.txt',
])('a check knows the command that failed, however it is called: %s', async (action) => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', known);
  const found = await tenant.ok('scar_check', { action, tool: 'terminal' });
  expect(found).toMatchObject({
    verdict: 'caution',
    scars: [{ known_fix: { resolution: known.resolution } }],
  });
});

test('a check of one word knows the same word, and of another file knows nothing', async () => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', { ...known, action: 'make' });
  expect((await tenant.ok('scar_check', { action: 'cd app && make' })).verdict).toBe('caution');
  await tenant.ok('scar_record', {
    ...known,
    error_message: 'other words entirely',
    action: 'pytest tests/billing.py',
  });
  expect((await tenant.ok('scar_check', { action: 'pytest tests/orders.py' })).verdict).toBe('clear');
});
