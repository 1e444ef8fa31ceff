import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Command, commandsOf, outputPattern, printsWhatIsShown } from '../support/documents/commands.ts';
import { codeSpansOf, DOCUMENTS, ROOT } from '../support/documents/markdown.ts';
import { isOpenEnded, runInOneShell, TERMINATED } from '../support/documents/shell.ts';
import { Checkout, freePort } from '../support/node-cli.ts';

/**
 * Every command of the documents is run here, in the order in which its document has it, against a server that `npm start` has
 * started on new storage. What cannot be run here stands on this list with its reason; an entry that no document needs fails.
 */
const NOT_RUN: readonly (readonly [command: string, reason: string])[] = [
  ['npm ci', 'it takes minutes and needs the registry; CI runs it before the tests'],
  ['npm start', 'the server of this test is started with it'],
  ['npm test', 'it would start this test again'],
  ['npm run test:conformance', 'a part of npm test'],
  ['npm run -s lint', 'a part of npm test'],
  ['npm run -s typecheck', 'a part of npm test'],
  ['npx vitest run', 'a part of npm test'],
  ['npx biome check', 'a part of npm test'],
  ['npm install -g bulkhead-0.1.0.tgz', 'test/e2e/package.test.ts packs, installs and starts the package'],
  ['npm run bench', 'it takes minutes, and its figures need a quiet machine'],
  ['npm run torture', 'it takes minutes, and its figures need a quiet machine'],
  ['npm run bench:pages', 'test/unit/write-pages.test.ts counts the same'],
  ['npm run bench:scar', 'test/unit/scar-figures.test.ts measures the same'],
  ['npm run screenshots', 'it draws the pictures anew, in a browser that npm does not bring'],
  ['npm run bench:growth', 'it takes minutes, and its figures need a quiet machine'],
  ['npm run bench:stdio', 'it takes minutes, and its figures need a quiet machine'],
  ['node test/bench/bridges.ts', 'it takes minutes'],
  ['npm pack', 'test/e2e/package.test.ts packs, installs and starts the package'],
  ['npx --no bulkhead stdio', 'test/e2e/package.test.ts starts it as the documents say'],
  [
    'npm run -s tenant -- connection set ID tickets',
    'it needs a database; test/e2e/shared-postgres.test.ts has one',
  ],
  ['npm run -s tenant -- connection test ID tickets', 'the same'],
  [
    'npm run -s tenant -- export globex --to-bucket',
    'it needs a bucket; test/worker/records-export.test.ts has one',
  ],
  ['npm run -s tenant -- verify --file *.ndjson.gz', 'the same'],
  ['npx wrangler r2 object get', 'it needs an account'],
  [
    'npm run -s tenant -- approvals umbrella show',
    'no call of an agent is held; test/worker/approvals.test.ts holds some',
  ],
  ['npm run -s tenant -- approvals umbrella approve', 'the same'],
  ['npm run -s tenant -- approvals umbrella refuse', 'the same'],
  ['psql', 'test/support/postgres/shop.ts runs the scripts that it names'],
  ['claude mcp add', 'it needs Claude Code'],
  ['wrangler deploy', 'it needs an account; docs/figures.md has its dry run'],
  ['npx wrangler login', 'it needs an account'],
  ['npx wrangler tail', 'it needs an account'],
  ['npx wrangler deploy --domain', 'it needs an account'],
  ['npx wrangler deploy --name', 'it needs an account'],
  ['export BULKHEAD_URL=https://mcp.example.com', 'it names a deployment of the reader'],
];

const isOne = (text: string, command: string) => text === command || text.startsWith(`${command} `);
const isListed = (text: string) => NOT_RUN.some(([command]) => isOne(text, command));
const isOnList = ({ text }: Command) => isListed(text);
/** Its commands are a part of its steps, which `test/e2e/tutorial.test.ts` carries out. */
const TUTORIAL = 'docs/add-a-tool.md';
const READ = DOCUMENTS.filter(({ path }) => path !== TUTORIAL);
const COMMANDS = READ.flatMap(commandsOf);
const TOKEN = 'eyJ…';
const URL = 'http://127.0.0.1:8787';
/** A document of many commands takes long on a machine that does other things. */
const DOCUMENT_MS = 300_000;
/** What a refusal looks like in any transport; a document that shows one shows its output. */
const REFUSAL = /"status":[45]\d\d,|"isError":true|"error":\{"code"/;

let checkout: Checkout;
let base: string;
let demoToken: string;
let adminKey: string;

beforeAll(async () => {
  checkout = new Checkout();
  // The benchmarks are beside the tests.
  symlinkSync(join(ROOT, 'test'), join(checkout.dir, 'test'));
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  const server = await checkout.start(port);
  adminKey = parseEnv(readFileSync(join(checkout.dir, '.dev.vars'), 'utf8')).ADMIN_KEY ?? '';
  demoToken = /Token +(\S+)/.exec(server.stdout)?.[1] ?? '';
});
afterAll(() => checkout?.remove());

/** Commands in the prose. */
const NAMED = READ.flatMap((document) =>
  codeSpansOf(document)
    .filter((code) => /^(?:\w+=\S+ )*(?:npm|npx|node|curl|claude|wrangler) /.test(code))
    .map((code) => [document.path, code] as const),
);

describe('the list of what is not run', () => {
  test.each(NOT_RUN)('%s is in a document', (command) => {
    const texts = [...COMMANDS.map(({ text }) => text), ...NAMED.map(([, code]) => code)];
    expect(texts.filter((text) => isOne(text, command))).not.toEqual([]);
  });
});

async function operate(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${base}/admin${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([path, response.status]).toEqual([path, 201]);
  return JSON.parse(await response.text());
}

/** The README has the tenant of `npm start`, and each other document one of its own, so that none changes what another shows. */
async function tokenFor(path: string): Promise<string> {
  if (path === 'README.md') return demoToken;
  const id = path.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  await operate('/tenants', { id });
  return String((await operate(`/tenants/${id}/tokens`, {})).token);
}

describe('the commands', () => {
  const withCommands = READ.filter((document) => commandsOf(document).some((one) => !isOnList(one)));
  test.each(withCommands.map(({ path }) => path))(
    'of %s do what it says',
    async (path) => {
      const token = await tokenFor(path);
      const ran = await runInOneShell(
        COMMANDS.filter((command) => command.document === path && !isOnList(command)),
        {
          cwd: checkout.dir,
          env: { PATH: process.env.PATH ?? '', HOME: checkout.dir, TOKEN: token },
          replace: [
            [URL, base],
            [TOKEN, token],
          ],
        },
      );
      for (const { command, code, stdout, stderr } of ran) {
        const where = `${command.document}:${command.line}\n${command.text}`;
        expect([where, code, stderr]).toEqual([where, isOpenEnded(command) ? TERMINATED : 0, stderr]);
        if (isOpenEnded(command)) expect([where, stdout]).not.toEqual([where, '']);
        if (command.output === undefined) {
          if (command.text.includes('curl '))
            expect([where, REFUSAL.exec(stdout)?.[0]]).toEqual([where, undefined]);
        } else if (!printsWhatIsShown(command.output.replaceAll(URL, base), stdout)) {
          // Compared as text, which shows where they part.
          expect(`${where}\n${stdout}`).toBe(`${where}\n${command.output}`);
        }
      }
    },
    DOCUMENT_MS,
  );
});

describe('the prose names no command that is not run', () => {
  test.each(NAMED.filter(([, code]) => !isListed(code)))('%s: %s', (_, code) => {
    // A word in capitals stands for one of the reader's.
    const pattern = new RegExp(
      `^${outputPattern(code)
        .source.slice(1, -1)
        .replaceAll(/\b[A-Z][A-Z_]+\b/g, '\\S+')}`,
    );
    expect(COMMANDS.map(({ text }) => text).filter((text) => pattern.test(text))).not.toEqual([]);
  });
});
