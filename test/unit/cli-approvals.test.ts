import { describe, expect, test } from 'vitest';
import type { ApprovalsAccess, DetailAnswer } from '../../src/cli/approvals-client.ts';
import { isApprovalCommand } from '../../src/cli/approvals-command.ts';
import { performForApprovals } from '../../src/cli/tenant-approvals.ts';
import { parseTenantCommand } from '../../src/cli/tenant-command.ts';

/** The commands about approvals: what a line means, what is wrong with one, what is printed. */

const parsed = (line: string) => parseTenantCommand(line.split(' '));

describe('a line', () => {
  test.each([
    ['policy acme', { name: 'policy', id: 'acme', changes: [] }],
    [
      'policy acme --tool a,b --approval',
      {
        changes: [
          { tool: 'a', approval: true },
          { tool: 'b', approval: true },
        ],
      },
    ],
    ['policy acme --tool a --no-approval', { changes: [{ tool: 'a', approval: false }] }],
    ['policy acme --tool a --unset', { changes: [{ tool: 'a', approval: null }] }],
    ['policy acme --destructive --approval', { changes: [{ destructive: true }] }],
    ['policy acme --destructive --no-approval', { changes: [{ destructive: false }] }],
    ['policy local --data d', { id: 'local', data: 'd' }],
    ['approvals acme', { name: 'approvals', id: 'acme', act: { kind: 'list' } }],
    ['approvals acme list', { act: { kind: 'list' } }],
    ['approvals acme show ap_1', { act: { kind: 'show', approval: 'ap_1' } }],
    [
      'approvals acme approve ap_1 --standing',
      { act: { kind: 'decide', approval: 'ap_1', decision: 'approve', standing: true } },
    ],
    ['approvals acme refuse ap_1 --reason No.', { act: { decision: 'refuse', reason: 'No.' } }],
  ])('%s', (line, command) => {
    expect(parsed(line)).toMatchObject(command);
  });

  test.each([
    ['policy acme --tool a', 'one of --approval'],
    ['policy acme --approval', '--tool NAME or --destructive'],
    ['policy acme --tool a --destructive --approval', 'Give one of them'],
    ['policy acme --tool a --approval --no-approval', 'one of --approval'],
    ['policy acme --destructive --unset', 'on or off'],
    ['policy acme --data d', 'called local'],
    ['policy acme --reason x', 'takes no --reason'],
    ['approvals acme erase', 'takes list, show, approve, refuse'],
    ['approvals acme show', 'needs the id'],
    ['approvals acme list ap_1', 'one argument too many'],
    ['approvals acme show ap_1 ap_2', 'one argument too many'],
    ['approvals acme refuse ap_1', 'needs --reason'],
    ['approvals acme refuse ap_1 --standing --reason x', 'for approve alone'],
    ['approvals acme show ap_1 --reason x', 'for approve and refuse'],
    ['approvals', 'ID is missing'],
  ])('%s is refused', (line, message) => {
    expect(() => parsed(line)).toThrow(message);
  });
});

const CALL: DetailAnswer = {
  approval_id: 'ap_1',
  state: 'pending',
  tool: 'blackboard_write',
  token_id: 't1',
  token_label: 'ci',
  client: 'agent\u202e',
  trace_id: 'a'.repeat(32),
  held_at: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-01-02T00:00:00.000Z',
  decided_at: null,
  decided_by: null,
  reason: null,
  title: 'Write',
  description: 'Writes.',
  destructive: true,
  reaches_other_systems: false,
  args: { key: 'k\u202e', value: 1 },
  dry_run: { answer: { status: 'created' }, changes: ['rev 1: set default/k'] },
};
const POLICY = { tools: { scar_delete: false }, destructive: true, needs_approval: ['blackboard_delete'] };

async function printed(line: string, call: Partial<DetailAnswer> = {}): Promise<string> {
  const access: ApprovalsAccess = {
    policy: async () => POLICY,
    changePolicy: async () => POLICY,
    list: async () => ({ approvals: [CALL], standing: [] }),
    show: async () => ({ ...CALL, ...call }),
    decide: async () => ({ ...CALL, ...call }),
  };
  const command = parsed(line);
  if (command === undefined || !isApprovalCommand(command)) throw new Error('another command');
  return (await performForApprovals(access, command)).text;
}

describe('what is printed', () => {
  test('of a call is all of it, with nothing that a terminal would hide', async () => {
    const text = await printed('approvals acme show ap_1');
    for (const part of [
      '"key": "k<U+202E>"',
      'it may destroy something',
      '"status": "created"',
      'rev 1: set default/k',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain('\u202e');
  });

  test('of a call that cannot be tried, fails, or has ended says so', async () => {
    const remote = { dry_run: undefined, reaches_other_systems: true };
    expect(await printed('approvals acme show ap_1', remote)).toContain('cannot be tried');
    const fails = { dry_run: { error: { code: 'invalid_input', message: 'No.' }, changes: [] } };
    const failing = await printed('approvals acme show ap_1', fails);
    expect(failing).toContain('invalid_input');
    expect(failing).toContain('nothing that has a revision');
    const ended = { state: 'done', dry_run: undefined, answer: { rev: 7 } };
    expect(await printed('approvals acme show ap_1', ended)).toContain('"rev": 7');
  });

  test('of lists, policies and decisions is one sentence or one table', async () => {
    expect(await printed('approvals acme')).toMatch(/APPROVAL ID.*\nap_1 +pending +blackboard_write/);
    expect(await printed('policy acme')).toContain('Calls that need approval: blackboard_delete.');
    expect(await printed('policy acme')).toMatch(/scar_delete +never/);
    const approved = { state: 'approved', expires_at: '2026-01-01T01:00:00.000Z' };
    expect(await printed('approvals acme approve ap_1', approved)).toContain(
      'until 2026-01-01T01:00:00.000Z',
    );
    const refused = { state: 'refused', decided_at: '2026-01-01T00:30:00.000Z' };
    expect(await printed('approvals acme refuse ap_1 --reason x', refused)).toContain('is refused');
  });
});
