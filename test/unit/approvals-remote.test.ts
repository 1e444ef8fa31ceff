import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { LOST_AFTER_MS } from '../../src/tenant/approvals/held-row.ts';
import { REMOTE_TOOL_MS } from '../../src/tenant/contract/call.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { callRequest } from '../support/compartment.ts';
import { decisionRequest, OPERATOR } from '../support/decision.ts';
import { type Act, errorOf, opened, type Rig, said } from '../support/remote-tool-rig.ts';

/** Held calls of remote tools: what they do cannot be undone, so each is begun once. */

async function holding(act: Act): Promise<{ rig: Rig; id: string }> {
  const rig = await opened(act);
  const { compartment } = rig.test;
  const changed = compartment.approvals.changePolicy({ tool: 'edge_probe', approval: true });
  if (!changed.ok) throw new Error(changed.error.message);
  const error = errorOf(await rig.call({ n: 1, secret: 'x' }));
  expect(error.code).toBe('pending_approval');
  return { rig, id: error.approval_id };
}

function decide({ test: { compartment, clock } }: Rig, id: string, approve = true) {
  const decision = { approve, standing: false, reason: 'Because.' };
  return compartment.approvals.decide(OPERATOR, id, decision, decisionRequest(clock.now));
}

const redeem = async (rig: Rig, id: string) =>
  (await rig.callTool('tenant_approval', { approval_id: id })).result.structuredContent;

const stateOf = ({ test: { compartment } }: Rig, id: string) => {
  const shown = compartment.approvals.show(id);
  return shown.ok ? shown.value.state : shown.error.reason;
};

describe('a held call of a remote tool', () => {
  test('runs once with the arguments that were approved, and its answer is kept', async () => {
    const runs: unknown[] = [];
    const { rig, id } = await holding(async (args) => {
      runs.push(args);
      return said('done');
    });
    expect(await redeem(rig, id)).toMatchObject({ status: 'pending' });
    expect(runs).toEqual([]);
    decide(rig, id);
    expect(await redeem(rig, id)).toEqual({ status: 'done', answer: { said: 'done' } });
    expect(await redeem(rig, id)).toEqual({ status: 'done', answer: { said: 'done' } });
    expect(runs).toEqual([{ n: 1, secret: 'x' }]);
    const [line] = rig.test.lines.filter(
      ({ event, outcome }) => event === 'tool.call' && outcome === 'answer',
    );
    expect(
      rig.test.lines.filter(({ tool, outcome }) => tool === 'edge_probe' && outcome === 'answer'),
    ).toMatchObject([{ approval_id: id, decided_by: 'operator (ann)' }]);
    expect(line).toBeDefined();
  });

  test('that fails has failed: its error is kept, and it is not run again', async () => {
    let runs = 0;
    const { rig, id } = await holding(async () => {
      runs++;
      throw new ToolError('unavailable', 'The service is down.');
    });
    decide(rig, id);
    expect(await redeem(rig, id)).toMatchObject({ error: { code: 'unavailable' } });
    expect(await redeem(rig, id)).toMatchObject({
      error: { code: 'unavailable', message: 'The service is down.' },
    });
    expect(runs).toBe(1);
  });

  test('that was refused is not run', async () => {
    let runs = 0;
    const { rig, id } = await holding(async () => said(String(++runs)));
    decide(rig, id, false);
    expect(await redeem(rig, id)).toMatchObject({ status: 'refused', reason: 'Because.' });
    expect(runs).toBe(0);
  });

  test('cannot be tried, which its person is told', async () => {
    const { rig, id } = await holding(async () => said('x'));
    expect(rig.test.compartment.approvals.show(id)).toMatchObject({
      value: { isRemote: true, dryRun: undefined, args: { n: 1, secret: 'x' } },
    });
  });

  test.each([1, -1])(
    'whose end is never reported is unknown, and not run again, whichever way the clock steps (%s)',
    async (way) => {
      const { rig, id } = await holding(async () => said('x'));
      const { compartment, clock, lines } = rig.test;
      decide(rig, id);
      // The transport takes the call and dies.
      const request = callRequest(rig.tokenId, 'tenant_approval', { approval_id: id }, clock.now);
      const begun = await compartment.call(request);
      expect(begun).toMatchObject({ kind: 'deferred', redeems: { id, tool: 'edge_probe' } });
      expect(await redeem(rig, id)).toMatchObject({ status: 'running' });
      compartment.reload();
      clock.now += way * REMOTE_TOOL_MS;
      expect(await redeem(rig, id)).toMatchObject({ status: 'running' });
      clock.now += way * (LOST_AFTER_MS - REMOTE_TOOL_MS);
      expect(await redeem(rig, id)).toMatchObject({ status: 'unknown' });
      expect(decide(rig, id)).toMatchObject({ ok: false });
      expect(lines.filter(({ event }) => event === 'approval.expired')).toMatchObject([
        { approval_id: id, status: 'unknown' },
      ]);
    },
  );

  test('whose end arrives late has an end after all', async () => {
    const { rig, id } = await holding(async () => said('x'));
    const { compartment, clock } = rig.test;
    decide(rig, id);
    const request = callRequest(rig.tokenId, 'tenant_approval', { approval_id: id }, clock.now);
    const begun = await compartment.call(request);
    if (begun.kind !== 'deferred') throw new Error('it was not begun');
    clock.now += LOST_AFTER_MS;
    compartment.sweep();
    expect(stateOf(rig, id)).toBe('unknown');
    const ran = { ...request, tool: 'edge_probe', redeems: id };
    const end = { uses: [], error: undefined, thrown: undefined, answer: '{"said":"late"}' };
    compartment.completeRemoteCall(ran, { ...end, slot: 'another' });
    expect(stateOf(rig, id)).toBe('unknown');
    compartment.completeRemoteCall(ran, { ...end, slot: begun.slot });
    expect(await redeem(rig, id)).toEqual({ status: 'done', answer: { said: 'late' } });
  });

  test('is not begun in a batch, or over plain HTTP if it asks, and stays approved', async () => {
    const { rig, id } = await holding(async () => said('x'));
    const { compartment, clock } = rig.test;
    decide(rig, id);
    const request = callRequest(rig.tokenId, 'tenant_approval', { approval_id: id }, clock.now);
    expect(await compartment.call({ ...request, isBatched: true })).toMatchObject({
      error: { code: 'invalid_input' },
    });
    const plain = { ...request, caller: { ...request.caller, transport: 'v1' as const } };
    expect(await compartment.call(plain)).toMatchObject({ error: { code: 'forbidden' } });
    expect(stateOf(rig, id)).toBe('approved');
  });

  test('may ask its client, and is begun once for all questions', async () => {
    let runs = 0;
    const { rig, id } = await holding(async (_args, { ask }) => {
      runs++;
      const schema = z.object({ sure: z.boolean() });
      const { sure } = await ask({ sure: { kind: 'elicit', message: 'Sure?', schema } });
      return said(sure.action);
    });
    decide(rig, id);
    // The client of this rig has not declared that it can be asked.
    expect(await redeem(rig, id)).toMatchObject({ error: { code: 'forbidden' } });
    expect([runs, stateOf(rig, id)]).toEqual([1, 'done']);
  });

  test('that only asks, in the 2026 revision, is run again with the answer', async () => {
    const { rig, id } = await holding(async () => said('x'));
    const { compartment, clock } = rig.test;
    decide(rig, id);
    const request = callRequest(rig.tokenId, 'tenant_approval', { approval_id: id }, clock.now);
    const begun = await compartment.call(request);
    if (begun.kind !== 'deferred') throw new Error('it was not begun');
    const ran = { ...request, tool: 'edge_probe', redeems: id };
    const end = { uses: [], error: undefined, thrown: undefined, slot: begun.slot };
    compartment.completeRemoteCall(ran, { ...end, isAsking: true });
    expect(stateOf(rig, id)).toBe('approved');
    expect(await redeem(rig, id)).toEqual({ status: 'done', answer: { said: 'x' } });
  });
});

test('a call under a yes that stands is run at once', async () => {
  const { rig, id } = await holding(async () => said('x'));
  const { compartment, clock } = rig.test;
  const decision = { approve: true, standing: true, reason: undefined };
  compartment.approvals.decide(OPERATOR, id, decision, decisionRequest(clock.now));
  expect((await rig.call({ n: 2 })).result.structuredContent).toEqual({ said: 'x' });
  compartment.approvals.decide(
    OPERATOR,
    id,
    { ...decision, approve: false, standing: false },
    decisionRequest(clock.now),
  );
  expect(errorOf(await rig.call({ n: 3 })).code).toBe('pending_approval');
});
