import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCell, type Rig } from '../support/contract/access.ts';
import { RUN } from '../support/contract/checks.ts';
import { CELLS, type Cell, CHECKS } from '../support/contract/table.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

/** What must hold for a client, whichever it is; the cells run side by side, for in some there is much to wait for. */
function describeCell(cell: Cell, tenant: string): void {
  describe.concurrent(`${cell.transport}, ${cell.revision}, ${cell.client}`, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await openCell(cell, server, tenant);
    });
    afterAll(() => rig?.close());

    test.for(cell.works)('%s', { concurrent: false }, async (check) => {
      await RUN[check](rig, cell);
      if (rig.wire === undefined) return;
      expect(rig.wire.count).toBeGreaterThan(0);
      expect(rig.wire.faults).toEqual([]);
    });
  });
}

for (const [index, cell] of CELLS.entries()) describeCell(cell, `contract-${index}`);

test('the table leaves out no cell and no check', () => {
  expect(CELLS).toHaveLength(9);
  for (const { works } of CELLS) expect(works).toEqual(CHECKS);
});
