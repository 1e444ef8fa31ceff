import { afterEach, describe, expect, test, vi } from 'vitest';
import { AdminClient, type ListQuery } from '../../src/cli/admin-client.ts';
import { AdminRequests } from '../../src/cli/admin-requests.ts';
import { printList } from '../../src/cli/tenant-list.ts';
import { CliError } from '../../src/cli/terminal.ts';

const PAGE = 500;
const CREATED = '2026-11-26T00:00:00.000Z';

/** A deployment with `count` tenants, of which every third is suspended, and what was requested of it. */
function serve(count: number, failAt = Number.POSITIVE_INFINITY) {
  const requests: URLSearchParams[] = [];
  const ids = [...Array(count).keys()].map((n) => `t-${String(n).padStart(6, '0')}`);
  vi.stubGlobal('fetch', async (url: string) => {
    const query = new URL(url).searchParams;
    if (requests.push(query) > failAt) {
      return Response.json(
        { code: 'unavailable', detail: 'The list of tenants cannot be read.' },
        { status: 503 },
      );
    }
    const found = ids
      .map((id, n) => ({ id, status: n % 3 === 0 ? 'suspended' : 'active', created_at: CREATED }))
      .filter(({ id }) => id.startsWith(query.get('prefix') ?? '') && id > (query.get('cursor') ?? ''))
      .filter(({ status }) => status === (query.get('status') ?? status));
    const tenants = found.slice(0, Number(query.get('limit')));
    const next = found.length > tenants.length ? { next_cursor: tenants.at(-1)?.id } : {};
    return Response.json({ tenants, ...next });
  });
  return { ids, requests };
}
afterEach(() => void vi.unstubAllGlobals());

const client = new AdminClient(new AdminRequests({ url: 'https://mcp.test', remedy: 'Start it.' }, 'key'));

async function printed(query: ListQuery, json: boolean) {
  const parts: string[] = [];
  const failure = await printList(client, query, json, async (text) => parts.push(text) > 0);
  return { text: parts.join(''), parts, failure };
}

describe('tenant list', () => {
  test('follows the cursors past 10,000, as one JSON document', async () => {
    const { ids, requests } = serve(20_001);
    const { text } = await printed({}, true);
    const { tenants, ...rest } = JSON.parse(text);
    expect(tenants.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(rest).toEqual({});
    expect(requests).toHaveLength(41);
  });

  test('prints each page before it requests the next one', async () => {
    const { requests } = serve(2000);
    const requested: number[] = [];
    await printList(client, {}, false, async () => requested.push(requests.length) > 0);
    expect(requested).toEqual([1, 2, 3, 4, 4]);
  });

  test('requests nothing more when its reader is gone', async () => {
    const { requests } = serve(2000);
    await printList(client, {}, false, async () => false);
    expect(requests).toHaveLength(1);
  });

  test.each([false, true])('ends at --limit and says that there are more (json: %s)', async (json) => {
    const { ids, requests } = serve(2000);
    const { text } = await printed({ limit: 700 }, json);
    expect(requests.map((query) => query.get('limit'))).toEqual([String(PAGE), '200']);
    if (json) expect(JSON.parse(text)).toMatchObject({ tenants: { length: 700 }, next_cursor: ids[699] });
    else expect(text).toMatch(/There are more tenants. Show them with --all or a higher --limit.\n$/);
    expect((await printed({ limit: 2000 }, json)).text).not.toMatch(/more tenants|next_cursor/);
  });

  test('passes its filters to the server', async () => {
    serve(2000);
    const { text } = await printed({ prefix: 't-00000', status: 'suspended' }, true);
    expect(JSON.parse(text).tenants.map(({ id }: { id: string }) => id)).toEqual([
      't-000000',
      't-000003',
      't-000006',
      't-000009',
    ]);
  });

  test('is a table', async () => {
    serve(2);
    expect((await printed({}, false)).text).toBe(
      [
        'TENANT    STATUS     CREATED',
        `t-000000  suspended  ${CREATED}`,
        `t-000001  active     ${CREATED}`,
        '',
      ].join('\n'),
    );
  });

  test('says that there is none', async () => {
    serve(0);
    expect((await printed({}, false)).text).toContain('There are no tenants. Create one');
    expect((await printed({ prefix: 'x' }, false)).text).toContain('No tenant matches.');
    expect(JSON.parse((await printed({}, true)).text)).toEqual({ tenants: [] });
  });

  test('that breaks off has printed one JSON document, with the error', async () => {
    serve(2000, 2);
    const { text, failure } = await printed({}, true);
    const error = { code: 'unavailable', message: 'The list of tenants cannot be read.' };
    expect(JSON.parse(text)).toMatchObject({ tenants: { length: 1000 }, error });
    expect(failure).toBeInstanceOf(CliError);
    serve(2000, 0);
    expect(JSON.parse((await printed({}, true)).text)).toEqual({ error });
  });
});
