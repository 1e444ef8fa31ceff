// Makes the pictures of docs/console.md: `node scripts/console-pictures.ts`, after a page has changed. It needs Chromium.
import { ALL_SCOPES } from '../src/tools/families.ts';
import { findChromium, launchChromium } from '../test/support/browser/chromium.ts';
import { Visit } from '../test/support/browser/visit.ts';
import { Operator, startServer, type TestServer } from '../test/support/server.ts';

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** What three agents do in one run, as people will see it. */
async function play(server: TestServer, token: string): Promise<void> {
  const call = async (tool: string, args: Record<string, unknown>) => {
    const response = await fetch(`${server.url}/v1/tools/${tool}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
      },
      body: JSON.stringify(args),
    });
    return response.json() as Promise<Record<string, unknown>>;
  };
  const board = { run_id: 'release-42' };
  const prompt = { model: 'model-x', prompt: 'Summarise ticket 7' };
  const failure = { tool: 'deploy', error_type: 'LockTimeout', error_message: 'gave up after 20113 ms' };
  await call('blackboard_list', board);
  const plan = { ...board, key: 'plan', by: 'planner' };
  await call('blackboard_write', { ...plan, value: ['notes', 'tag'] });
  const jobs = ['write the notes', 'tag the release', 'announce it'];
  const entries = jobs.map((value, index) => ({ key: `job/${index + 1}`, value }));
  await call('blackboard_write', { ...board, entries, by: 'planner' });
  await call('blackboard_claim', { ...board, prefix: 'job/', by: 'builder' });
  await call('scar_check', { action: 'deploy migration 12', tool: 'deploy', agent: 'builder' });
  const resolution = 'Set lock_timeout to 5 s, then deploy again.';
  await call('scar_record', { ...failure, resolution, agent: 'builder' });
  await call('cache_get', { ...prompt, lease_s: 30 });
  await call('cache_set', { ...prompt, response: 'Login loops after a reset.' });
  await call('blackboard_write', { ...plan, value: ['tag'], if_rev: 0, by: 'reviewer' });
  await call('blackboard_write', { ...board, kye: 'plan', value: 1, by: 'reviewer' });
  const reads = Array.from({ length: 90 }, (_, index) => ({ ...board, key: `job/${(index % 3) + 1}` }));
  await Promise.all(reads.map((read) => call('blackboard_read', read)));
  await call('blackboard_write', { ...plan, value: ['notes', 'tag', 'announce'], by: 'planner' });
}

const executable = findChromium();
if (executable === undefined) throw new Error('Chromium is not installed: apt-get install chromium');
const [server, chromium] = await Promise.all([startServer(), launchChromium(executable)]);
try {
  const operator = new Operator(server);
  await operator.request('POST', '/tenants', { id: 'acme' });
  const issue = async (options: Record<string, unknown>) =>
    String((await operator.request('POST', '/tenants/acme/tokens', options)).token);
  await play(server, await issue({ label: 'release agents' }));
  const { page } = await Visit.start(chromium, [server.url], { viewport: DESKTOP });
  await page.goto(`${server.url}/console`);
  await page.getByLabel('Token').fill(await issue({ label: 'console', scopes: [...ALL_SCOPES] }));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/\/calls$/);
  await page.screenshot({ path: 'docs/console-calls.png' });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('link', { name: 'blackboard_read' }).first().click();
  await page.waitForURL(/\/runs\//);
  await page.evaluate('scrollTo({ top: 0, behavior: "instant" })');
  await page.screenshot({ path: 'docs/console-run.png' });
  await page.setViewportSize(PHONE);
  await page.goto(`${server.url}/console/acme/calls`);
  await page.screenshot({ path: 'docs/console-phone.png' });
} finally {
  await Promise.all([chromium.close(), server.stop()]);
}
