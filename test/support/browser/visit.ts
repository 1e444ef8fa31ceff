import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** The source of axe-core, which is evaluated in the page: a policy that forbids scripts does not concern it. */
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeViolation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/**
 * One visit of a person to the pages of a server: a browser of its own, without cookies, and what the pages did in it.
 * Console pages and sign-in pages are driven by the same class.
 * @example
 * const visit = await Visit.start(browser, [server.url]);
 * await visit.page.goto(server.url);
 * expect(await visit.accessibilityFaults()).toEqual([]);
 * expect(visit.faults).toEqual([]);
 */
export class Visit {
  readonly page: Page;
  /** What no page of ours may cause: violations of its policy, errors in the console, requests to another place. */
  readonly faults: string[] = [];
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page, origins: readonly string[]) {
    this.#context = context;
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.faults.push(message.text());
    });
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && !origins.includes(origin))
        this.faults.push(`a request to ${request.url()}`);
    });
  }

  /** @param origins the only places that the pages may ask for anything */
  static async start(
    browser: Browser,
    origins: readonly string[],
    options: BrowserContextOptions = {},
  ): Promise<Visit> {
    const context = await browser.newContext(options);
    return new Visit(context, await context.newPage(), origins);
  }

  end(): Promise<void> {
    return this.#context.close();
  }

  /** Clicks a link or a button that leads to another page, and waits for it: what is read next is not of the page before. */
  async follow(leading: Locator): Promise<void> {
    await Promise.all([this.page.waitForEvent('load'), leading.click()]);
  }

  /** Lets the browser go nowhere from the origin of `url`, as a server does that answers 204: the page that sends it there stays. */
  async stayBefore(url: string): Promise<void> {
    await this.#context.route(`${new URL(url).origin}/**`, (route) => route.fulfill({ status: 204 }));
  }

  /** What axe finds wrong with the page, in words. */
  async accessibilityFaults(): Promise<string[]> {
    if (await this.page.evaluate("typeof axe === 'undefined'")) await this.page.evaluate(AXE);
    const violations = await this.page.evaluate<AxeViolation[]>(
      'axe.run().then(({ violations }) => violations)',
    );
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
    );
  }

  /** How many pixels of the page are beside the window. */
  overflow(): Promise<number> {
    return this.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  }

  /** Makes all text larger, as a person's own font size does. */
  async enlargeText(percent: number): Promise<void> {
    await this.page.evaluate(`document.documentElement.style.fontSize = '${percent}%'`);
  }

  /** The element that has the focus: its name or its text, and whether a ring shows it. */
  focused(): Promise<{ name: string; hasRing: boolean }> {
    return this.page.evaluate(`(() => {
      const { activeElement: at } = document;
      const style = getComputedStyle(at);
      const name = at.getAttribute('name') ?? '';
      const value = at.getAttribute('value') ?? '';
      return { name: [name, value].join('='), hasRing: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 1 };
    })()`);
  }
}
