import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callRequest } from '../support/compartment.ts';
import { LifecycleRig, openRows, tenantId } from '../support/lifecycle-rig.ts';

const ID = tenantId();
/** `RACES=1000 npx vitest run --project unit test/unit/lifecycle.test.ts` runs as many. */
const RACES = Number(process.env.RACES ?? 100);

type Action = 'create' | 'erase' | 'suspend' | 'resume' | 'report' | 'crash';
const racing: Action[] = ['create', 'create', 'erase', 'erase', 'suspend', 'resume', 'report'];
const sequenceOf = (actions: readonly Action[]) =>
  fc.array(fc.constantFrom(...actions), { minLength: 2, maxLength: 12 });

function act(rig: LifecycleRig, action: Action): Promise<unknown> {
  const { lifecycle, tenant } = rig;
  switch (action) {
    case 'create':
      return lifecycle.create(ID);
    case 'erase':
      return lifecycle.erase(ID);
    case 'suspend':
    case 'resume':
      tenant.compartment.administration.setStatus(action === 'suspend' ? 'suspended' : 'active');
      return lifecycle.report();
    case 'report':
      return lifecycle.report();
    case 'crash':
      rig.crash();
      return Promise.resolve();
  }
}

/** A tenant whose messages to the list arrive when the scheduler says so. */
const rigOf = (scheduler: fc.Scheduler) =>
  new LifecycleRig((message) => scheduler.schedule(Promise.resolve()).then(() => message()));

/** Starts the actions, none of which waits for the end of the one before. */
async function race(scheduler: fc.Scheduler, rig: LifecycleRig, actions: readonly Action[]): Promise<void> {
  const started = scheduler.scheduleSequence(
    actions.map((action) => ({
      label: action,
      builder: async () => void act(rig, action).catch(() => {}),
    })),
  );
  await scheduler.waitFor(started.task);
}

describe('creations and deletions that arrive together', () => {
  test(`leave a list and a tenant that agree (${RACES} races)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), sequenceOf(racing), async (scheduler, actions) => {
        const rig = rigOf(scheduler);
        await race(scheduler, rig, actions);
        await scheduler.waitIdle();
        expect(rig.listed()).toBe(rig.status());
        expect(rig.alarm).toBe(rig.status() === undefined ? undefined : 'urgent');
      }),
      { numRuns: RACES },
    );
  });

  test(`agree also after crashes, once the request was repeated or the alarm went off (${RACES} races)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        sequenceOf([...racing, 'crash', 'crash']),
        async (scheduler, actions) => {
          const rig = rigOf(scheduler);
          await race(scheduler, rig, actions);
          const exists = rig.status() !== undefined;
          await scheduler.waitFor(act(rig, exists ? 'report' : 'erase'));
          // What crashed runs have sent arrives only now, and changes nothing.
          await scheduler.waitIdle();
          expect(rig.listed() !== undefined).toBe(rig.status() !== undefined);
          if (rig.status() !== undefined) expect(rig.alarm).toBeDefined();
        },
      ),
      { numRuns: RACES },
    );
  });
});

describe('without a list of tenants', () => {
  /** A rig whose list fails while `isBroken`. */
  function rigWithBrokenList() {
    const state = { isBroken: false };
    const rig = new LifecycleRig(async (message) => {
      if (state.isBroken) throw new Error('the list is broken');
      return message();
    });
    return { rig, state };
  }

  test('none is created, and nothing is stored', async () => {
    const { rig, state } = rigWithBrokenList();
    state.isBroken = true;
    expect(await rig.lifecycle.create(ID)).toMatchObject({ error: { reason: 'unavailable' } });
    expect([rig.status(), rig.alarm]).toEqual([undefined, undefined]);
    expect(rig.lines).toMatchObject([
      { event: 'tenant.list_failed', cause: { message: 'the list is broken' } },
    ]);
  });

  test('a change of status is reported by the alarm, which comes soon', async () => {
    const { rig, state } = rigWithBrokenList();
    await rig.lifecycle.create(ID);
    rig.alarm = 'usual';
    state.isBroken = true;
    await act(rig, 'suspend');
    expect([rig.status(), rig.listed(), rig.alarm]).toEqual(['suspended', 'active', 'urgent']);
    state.isBroken = false;
    await rig.lifecycle.reportIfDue();
    expect(rig.listed()).toBe('suspended');
  });

  test('a tenant is erased, and the repeated deletion removes its row', async () => {
    const { rig, state } = rigWithBrokenList();
    await rig.lifecycle.create(ID);
    state.isBroken = true;
    const refused = await rig.lifecycle.erase(ID);
    expect(refused).toMatchObject({ error: { reason: 'unavailable' } });
    expect(refused).toMatchObject({
      error: { message: expect.stringMatching(/is erased.*Repeat the deletion/) },
    });
    expect([rig.status(), rig.listed()]).toEqual([undefined, 'active']);
    state.isBroken = false;
    expect(await rig.lifecycle.erase(ID)).toEqual({ ok: true, value: { id: ID } });
    expect(rig.listed()).toBeUndefined();
    expect(await rig.lifecycle.erase(ID)).toMatchObject({ error: { reason: 'not_found' } });
  });

  test('that never answers, a request waits two seconds', async () => {
    const rig = new LifecycleRig(() => new Promise(() => {}));
    const created = rig.lifecycle.create(ID);
    await rig.tenant.elapse(2000);
    expect(await created).toMatchObject({ error: { reason: 'unavailable' } });
  });

  test('a tenant that was reported lately is not reported again by each sweep', async () => {
    let messages = 0;
    const rig = new LifecycleRig(async (message) => {
      messages++;
      return message();
    });
    await rig.lifecycle.create(ID);
    messages = 0;
    for (let sweep = 0; sweep < 10; sweep++) await rig.lifecycle.reportIfDue();
    expect(messages).toBe(0);
    rig.clock.step(3_600_000);
    for (let sweep = 0; sweep < 10; sweep++) await rig.lifecycle.reportIfDue();
    expect(messages).toBe(1);
  });
});

test('a remote call that began before an erasure leaves no record in the tenant that is created after it', async () => {
  const rig = new LifecycleRig();
  const recordsOf = async (erases: boolean) => {
    await rig.lifecycle.create(ID);
    const { compartment, clock, db } = rig.tenant;
    const request = callRequest(rig.tenant.issue(), 'cache_get', {}, clock.now);
    if (erases) {
      await rig.lifecycle.erase(ID);
      await rig.lifecycle.create(ID);
    }
    compartment.completeRemoteCall(request, { slot: 'slot', uses: [], error: undefined, thrown: undefined });
    compartment.flush();
    return db.exec('SELECT token_id FROM records').length;
  };
  expect([await recordsOf(false), await recordsOf(true)]).toEqual([1, 0]);
});

describe('the rows of the list', () => {
  const listing = (generation: number, status: 'active' | 'suspended' = 'active') => ({
    id: ID,
    status,
    createdAt: 5,
    generation,
    identities: ['email ann@example.com'],
  });
  const all = { limit: 10, after: '', prefix: '', status: undefined };

  test('are not changed by an older generation', () => {
    const rows = openRows();
    rows.register(listing(2), 10);
    expect(rows.register(listing(1, 'suspended'), 10)).toBe('stale');
    expect(rows.remove(ID, 1, 10)).toBe(true);
    expect(rows.list(all)).toMatchObject([{ id: ID, status: 'active' }]);
  });

  test('do not come back by a delayed message of an erased generation', () => {
    const rows = openRows();
    rows.register(listing(2), 10);
    expect(rows.remove(ID, undefined, 10)).toBe(true);
    expect(rows.remove(ID, undefined, 10)).toBe(false);
    expect(rows.register(listing(2), 10)).toBe('stale');
    expect(rows.register(listing(3), 10)).toBe('listed');
  });

  test('know accounts as long as the generation that has reported them', () => {
    const rows = openRows();
    const known = () => rows.tenantsOfIdentity(['sub x', 'email ann@example.com'], 8);
    rows.register(listing(2), 10);
    expect(known()).toEqual([ID]);
    rows.register({ ...listing(1), identities: [] }, 10);
    rows.remove(ID, 1, 10);
    expect(known()).toEqual([ID]);
    rows.register({ ...listing(2), identities: ['email ben@example.com'] }, 10);
    expect(known()).toEqual([]);
    rows.register(listing(2), 10);
    rows.remove(ID, undefined, 10);
    rows.register(listing(2), 10);
    expect(known()).toEqual([]);
  });

  test('get higher generations, also after the list was lost', () => {
    const rows = openRows();
    const first = rows.nextGeneration(1000);
    expect(rows.nextGeneration(1000)).toBeGreaterThan(first);
    rows.register(listing(5000), 1000);
    expect(rows.nextGeneration(1001)).toBeGreaterThan(5000);
    expect(openRows().nextGeneration(6000)).toBeGreaterThan(5001);
  });
});
