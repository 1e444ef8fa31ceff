// Makes docs/console-pages.md and its pictures: `node scripts/console-pictures.ts`, after a page has changed. It needs Chromium.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { AdminClient } from '../src/cli/admin-client.ts';
import { AdminRequests } from '../src/cli/admin-requests.ts';
import { withTenants } from '../src/cli/demo/context.ts';
import { Report } from '../src/cli/demo/report.ts';
import { runSteps } from '../src/cli/demo/steps.ts';
import { ALL_SCOPES } from '../src/tools/families.ts';
import { findChromium, launchChromium } from '../test/support/browser/chromium.ts';
import { Visit } from '../test/support/browser/visit.ts';
import { Operator, startServer, type TestServer } from '../test/support/server.ts';

const FOLDER = 'docs/pictures';
const OPERATOR_HOME = '/console/@operator';
const TENANTS = { ours: 'acme', others: 'globex' };
const QUALITY = 0.85;
/** A record is written within half a second, and reported then. */
const REPORTED_MS = 2000;

interface Picture {
  readonly name: string;
  /** Its heading in the document. */
  readonly title: string;
  /** From the root of the server. */
  readonly path: string;
  /** The link on that page whose page is shown, when its path cannot be known. */
  readonly link?: string;
}

const ofTenant = (name: string, title: string, path = name): Picture => ({
  name,
  title,
  path: `/console/${TENANTS.ours}/${path}`,
});
const ofOperator = (name: string, title: string, path = name): Picture => ({
  name: `operator-${name}`,
  title,
  path: `${OPERATOR_HOME}/${path}`,
});

const SIGNED_OUT: readonly Picture[] = [{ name: 'sign-in', title: 'Sign-in', path: '/console' }];
const MEMBER: readonly Picture[] = [
  ofTenant('calls', 'Calls'),
  ofTenant('runs', 'Runs'),
  { ...ofTenant('run', 'One run', 'calls?outcome=refused'), link: 'tbody a[data-row]' },
  ofTenant('approvals', 'Approvals'),
  { ...ofTenant('approval', 'One call to approve', 'approvals'), link: 'tbody tr:last-child a[data-row]' },
  ofTenant('boards', 'Boards'),
  ofTenant('board', 'One board', 'board?board=work-queue'),
  ofTenant('cell', 'One cell', 'cell?board=release-42&key=plan&from=1&to=2'),
  ofTenant('failures', 'Failures'),
  ofTenant('cache', 'Cache'),
  ofTenant('limits', 'Limits'),
  ofTenant('tokens', 'Tokens'),
  { ...ofTenant('token', 'One token', 'tokens'), link: 'tbody tr:nth-child(2) a[data-row]' },
  ofTenant('connections', 'Connections'),
  ofTenant('connection', 'One connection', 'connections/tickets'),
];
const OPERATOR: readonly Picture[] = [
  ofOperator('tenants', 'Operator: tenants'),
  ofOperator('manage', 'Operator: manage a tenant', `tenants/${TENANTS.ours}/manage`),
  ofOperator('actions', 'Operator: actions'),
  ofOperator('health', 'Operator: health'),
];
const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

const executable = findChromium();
if (executable === undefined) throw new Error('Chromium is not installed: apt-get install chromium');
mkdirSync(FOLDER, { recursive: true });
const [server, chromium] = await Promise.all([startServer(), launchChromium(executable)]);
try {
  const admin = new AdminClient(new AdminRequests({ url: server.url, remedy: '' }, server.adminKey));
  const demo = { url: server.url, report: new Report(false), tenants: TENANTS };
  await withTenants(admin, demo, async (context) => {
    // Before the demo, so that its calls are the newest.
    const key = await prepare(server);
    await runSteps(context);
    await takeAll(server, chromium, key);
  });
  writeFileSync('docs/console-pages.md', gallery([...SIGNED_OUT, ...MEMBER, ...OPERATOR]));
} finally {
  await Promise.all([chromium.close(), server.stop()]);
}

/** A connection, calls that a person must approve, and a member. @returns the key of the member */
async function prepare(server: TestServer): Promise<string> {
  const operator = new Operator(server);
  await operator.request('PUT', `/tenants/${TENANTS.ours}/connections/tickets`, {
    kind: 'http',
    url: 'https://tickets.example.com/api/',
    header: 'Authorization',
    secret: 'Bearer of the pictures',
  });
  await holdCalls(server);
  const { key } = await operator.request('POST', `/tenants/${TENANTS.ours}/members`, {
    name: 'Ada',
    scopes: [...ALL_SCOPES],
  });
  return String(key);
}

async function takeAll(server: TestServer, browser: Browser, key: string): Promise<void> {
  const { url, adminKey } = server;
  const visit = await Visit.start(browser, [url]);
  const { page } = visit;
  const converter = await Visit.start(browser, []);
  const take = async (pictures: readonly Picture[]) => {
    for (const picture of pictures) await takeOne(page, converter.page, url, picture);
  };
  await take(SIGNED_OUT);
  await signIn(page, `${url}/console`, 'Sign-in key', key);
  await take(MEMBER);
  await signIn(page, `${url}${OPERATOR_HOME}`, 'Admin key', adminKey);
  for (const tenant of Object.values(TENANTS)) {
    const limits = `${url}${OPERATOR_HOME}/tenants/${tenant}/limits`;
    await page.goto(limits);
    // A tenant that is loaded anew reports at once what it has done.
    await server.evict(tenant, 'close');
    await page.goto(limits);
  }
  await page.waitForTimeout(REPORTED_MS);
  await take(OPERATOR);
}

/** Calls that wait for a person, one that was refused, and one whose tool is approved for the run. */
async function holdCalls(server: TestServer): Promise<void> {
  const operator = new Operator(server);
  const at = `/tenants/${TENANTS.ours}`;
  const { token } = await operator.request('POST', `${at}/tokens`, { label: 'release agents' });
  const need = (tool: string) => operator.request('PATCH', `${at}/policy`, { tool, approval: true });
  const hold = async (tool: string, args: object) => {
    await need(tool);
    const response = await fetch(`${server.url}/v1/tools/${tool}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
    const { approval_id } = (await response.json()) as { approval_id: string };
    return (decision: object) => operator.request('POST', `${at}/approvals/${approval_id}`, decision);
  };
  await hold('blackboard_delete', { run_id: 'release-42', keys: ['plan'] });
  await hold('scar_update', { scar_id: 'scar_1', status: 'muted' });
  const refused = await hold('scar_delete', { scar_id: 'scar_1' });
  await refused({ decision: 'refuse', reason: 'It still warns others.' });
  const standing = await hold('cache_invalidate', { tag: 'release-41' });
  await standing({ decision: 'approve', standing: true });
}

async function signIn(page: Page, url: string, label: string, secret: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel(label).fill(secret);
  await Promise.all([page.waitForEvent('load'), page.getByLabel(label).press('Enter')]);
}

/** One page in light and dark, wide and narrow. */
async function takeOne(page: Page, converter: Page, origin: string, picture: Picture): Promise<void> {
  await page.goto(`${origin}${picture.path}`);
  if (picture.link !== undefined) {
    const href = await page.locator(picture.link).first().getAttribute('href');
    // Without the fragment, which scrolls the page.
    await page.goto(`${origin}${href?.split('#')[0]}`);
  }
  for (const [width, viewport] of Object.entries(WIDTHS)) {
    await page.setViewportSize(viewport);
    await page.reload();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const png = await page.screenshot();
      writeFileSync(`${FOLDER}/${picture.name}-${width}-${colorScheme}.webp`, await toWebp(converter, png));
    }
  }
}

/** A third of the size, by the browser itself. */
async function toWebp(page: Page, png: Buffer): Promise<Buffer> {
  const url: string = await page.evaluate(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png.toString('base64')}';
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', ${QUALITY});
  })()`);
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

/** The document that shows each picture as its reader prefers it, light or dark. */
function gallery(pictures: readonly Picture[]): string {
  const shown = pictures.map(({ name, title }) => {
    const images = Object.keys(WIDTHS).map((width) => {
      const file = (look: string) => `pictures/${name}-${width}-${look}.webp`;
      const alt = `The page ${title}, ${width === 'phone' ? 'on a phone' : 'on a desktop'}`;
      return `<picture><source media="(prefers-color-scheme: dark)" srcset="${file('dark')}"><img alt="${alt}" src="${file('light')}" height="420"></picture>`;
    });
    return `## ${title}\n\n${images.join('\n')}\n`;
  });
  const about =
    'Each page of [the console](console.md), after `npm run demo`, light or dark as your browser prefers. `npm run screenshots` takes these pictures.';
  return `# The pages of the console\n\n${about}\n\n${shown.join('\n')}`;
}
