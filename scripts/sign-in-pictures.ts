// Makes the pictures of docs/sign-in.md: `node scripts/sign-in-pictures.ts`, after a page has changed. It needs Chromium.
import { findChromium, launchChromium } from '../test/support/browser/chromium.ts';
import { Visit } from '../test/support/browser/visit.ts';
import { HandClient } from '../test/support/oauth-person.ts';
import { Operator, startServer } from '../test/support/server.ts';

const PHONE = { width: 390, height: 500 };

const executable = findChromium();
if (executable === undefined) throw new Error('Chromium is not installed: apt-get install chromium');
const [server, chromium] = await Promise.all([startServer(), launchChromium(executable)]);
try {
  const operator = new Operator(server);
  const keys: string[] = [];
  for (const tenant of ['initech', 'acme']) {
    await operator.tenant(tenant);
    const { key } = await operator.request('POST', `/tenants/${tenant}/members`, { name: 'Ann Example' });
    keys.push(String(key));
  }
  const client = await HandClient.register(server.url, fetch, {
    client_name: 'Claude Code',
    redirect_uris: ['http://localhost/callback'],
  });
  const asked = client.authorizeUrl({ redirect_uri: 'http://localhost:43117/callback' });
  const { page } = await Visit.start(chromium, [server.url], { viewport: PHONE });
  await page.goto(asked.href);
  await page.screenshot({ path: 'docs/sign-in-page.png', fullPage: true });
  for (const [index, key] of keys.entries()) {
    if (index > 0) await page.getByRole('button', { name: 'Use another key' }).click();
    await page.getByLabel('Sign-in key').fill(key);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }
  await page.screenshot({ path: 'docs/consent-page.png', fullPage: true });
} finally {
  await Promise.all([chromium.close(), server.stop()]);
}
