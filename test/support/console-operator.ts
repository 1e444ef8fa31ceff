import { expect } from 'vitest';
import type { Visit } from './browser/visit.ts';
import { TEST_SECRETS } from './secrets.ts';

/** What the operator does in the console, in a real browser. */

const homeOf = (url: string) => `${url}/console/@operator`;

export async function signInAsOperator(person: Visit, url: string): Promise<void> {
  const { page } = person;
  await page.goto(homeOf(url));
  await page.getByLabel('Admin key').fill(TEST_SECRETS.ADMIN_KEY);
  await page.getByLabel('Your name').fill('Ann');
  await person.follow(page.getByRole('button', { name: 'Sign in' }));
  await page.waitForURL(`${homeOf(url)}/tenants`);
}

/** Every page of the operator's own. */
export const OPERATOR_PATHS = [
  '@operator/tenants',
  '@operator/tenants?prefix=nobody',
  '@operator/actions',
  '@operator/health',
  '@operator/tenants/acme/manage',
  '@operator/tenants/acme/limits',
];

/** From the list of tenants to a limit, and to the bucket at its new size. */
export async function editLimit(person: Visit, url: string, tool: string): Promise<void> {
  const { page } = person;
  await page.goto(`${homeOf(url)}/tenants?sort=name`);
  await person.follow(page.getByRole('link', { name: 'acme', exact: true }));
  await page.waitForURL(/\/tenants\/acme\/calls$/);
  await person.follow(page.getByRole('link', { name: 'Limits', exact: true }));
  await person.follow(page.getByRole('link', { name: 'Change limits and quotas' }));
  const form = page.locator('form', { hasText: 'Another tool' });
  await form.getByLabel('Another tool').selectOption(tool);
  await form.getByLabel('Tokens a second').fill('many');
  await person.follow(form.getByRole('button', { name: 'Save' }));
  expect(await page.getByRole('alert').textContent()).toContain('Tokens a second must be a number');
  expect(await form.getByLabel('Another tool').inputValue()).toBe(tool);
  await form.getByLabel('Tokens a second').fill('3');
  await form.getByLabel('Burst').fill('77');
  await person.follow(form.getByRole('button', { name: 'Save' }));
  await page.waitForURL(/\/tenants\/acme\/limits\?notice=/);
  expect(await page.getByRole('status').first().textContent()).toContain(`The bucket of ${tool} now`);
  expect(await page.locator('tr', { hasText: tool }).textContent()).toContain('77 of 77');
}

/** The list loads itself again every ten seconds, but not for somebody who does not look, or who types. */
export async function watchRefresh({ page }: Visit, url: string): Promise<void> {
  let loads = 0;
  page.on('load', () => loads++);
  await page.clock.install();
  await page.goto(`${homeOf(url)}/tenants`);
  await page.clock.runFor(9000);
  expect(loads).toBe(1);
  await page.clock.runFor(2000);
  await expect.poll(() => loads).toBe(2);
  await page.getByLabel('Name begins with').focus();
  await page.clock.runFor(30_000);
  await page.getByLabel('Name begins with').blur();
  await page.evaluate('Object.defineProperty(document, "hidden", { value: true })');
  await page.clock.runFor(30_000);
  expect(loads).toBe(2);
}
