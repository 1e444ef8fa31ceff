import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outputPattern, printsWhatIsShown } from '../support/documents/commands.ts';
import {
  anchorsOf,
  blocksOf,
  codeSpansOf,
  DOCUMENTS,
  type Document,
  documentAt,
  linksOf,
  ROOT,
  rowsOf,
} from '../support/documents/markdown.ts';

/** What the documents say, compared with what they say it of. Their commands are run by `test/e2e/documents.test.ts`. */

const source = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PATHS = DOCUMENTS.map(({ path }) => path);

test('the README is short', () => {
  expect(documentAt('README.md').text.trimEnd().split('\n').length).toBeLessThanOrEqual(180);
});

describe('links', () => {
  /** What is wrong with a link. */
  function problemOf(from: Document, target: string): string | undefined {
    if (/^https:\/\//.test(target)) return undefined;
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? from.path : normalize(join(dirname(from.path), file));
    if (!existsSync(join(ROOT, path))) return `${target}: there is no ${path}`;
    if (anchor === undefined) return undefined;
    return anchorsOf(documentAt(path)).includes(anchor)
      ? undefined
      : `${target}: ${path} has no such heading`;
  }

  test.each(PATHS)('of %s lead somewhere', (path) => {
    const document = documentAt(path);
    const problems = linksOf(document).map((target) => problemOf(document, target));
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
  });

  test('lead to every document from the README, by way of others', () => {
    const reached = new Set<string>();
    const visit = (path: string) => {
      if (reached.has(path) || !PATHS.includes(path)) return;
      reached.add(path);
      for (const target of linksOf(documentAt(path)))
        visit(normalize(join(dirname(path), target.split('#')[0] ?? '')));
    };
    visit('README.md');
    expect(PATHS.filter((path) => !reached.has(path))).toEqual([]);
  });
});

describe('paths in code', () => {
  const PATH = /^(?:src|test|docs|migrations|scripts|bin)\/[\w./*-]*$|^[\w-]+\.(?:toml|md)$/;
  // The guide names the files that its reader creates.
  const named = PATHS.filter((path) => path !== 'docs/add-a-tool.md');
  test.each(named)('of %s exist', (path) => {
    const paths = codeSpansOf(documentAt(path)).filter((code) => PATH.test(code));
    expect(paths.filter((one) => globSync(one, { cwd: ROOT }).length === 0)).toEqual([]);
  });
});

describe('blocks of JSON', () => {
  const blocks = DOCUMENTS.flatMap(blocksOf).filter(({ language }) => language === 'json');
  test.each(blocks)('$document:$line is well-formed', ({ lines }) => {
    expect(JSON.parse(lines.join('\n'))).toEqual(expect.any(Object));
  });

  test('that are log lines have the fields of one', () => {
    const lines = blocks.map(({ lines }) => JSON.parse(lines.join('\n'))).filter((value) => 'event' in value);
    expect(lines).not.toEqual([]);
    for (const line of lines) expect(LOG_FIELDS).toEqual(expect.arrayContaining(Object.keys(line)));
  });

  test('a block has a language that is known here', () => {
    const known = ['sh', 'console', 'json', 'mermaid', 'sql', 'ts', 'yaml', 'promql', 'jq'];
    const unknown = DOCUMENTS.flatMap(blocksOf).filter(({ language }) => !known.includes(language));
    expect(unknown.map(({ document, line, language }) => [document, line, language])).toEqual([]);
  });
});

const LOG = source('src/telemetry/log.ts');
const LOG_EVENTS = [...LOG.matchAll(/^ {2}\| '([a-z_.]+)'/gm)].map(([, name]) => name ?? '');
const [, RECORD = ''] = /interface LogRecord \{([\s\S]*?)^\}/m.exec(LOG) ?? [];
const LOG_FIELDS = ['ts', ...[...RECORD.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name ?? '')];

/** The code in the first cell of each row of a document's tables. */
const namesIn = (path: string) =>
  rowsOf(documentAt(path)).flatMap(([first = '']) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
  );

describe('docs/operating.md', () => {
  test('has every event and every field of the log', () => {
    expect(LOG_EVENTS.length).toBeGreaterThan(5);
    expect(LOG_FIELDS.length).toBeGreaterThan(15);
    expect(namesIn('docs/operating.md')).toEqual(expect.arrayContaining([...LOG_EVENTS, ...LOG_FIELDS]));
  });

  const UNITS: Readonly<Record<string, number>> = {
    ms: 1,
    seconds: 1000,
    minutes: 60_000,
    hours: 3_600_000,
    days: 86_400_000,
    KiB: 1024,
    MiB: 1024 ** 2,
  };
  const limits = rowsOf(documentAt('docs/operating.md')).filter((row) => /^`[A-Z_]+`$/.test(row[2] ?? ''));

  test('has a table of limits', () => expect(limits.length).toBeGreaterThan(20));

  const CODE = globSync('src/**/*.ts', { cwd: ROOT }).map(source).join('\n');
  /** The value of a constant, which is a product of numbers and of other constants. */
  function constantValue(constant: string, code: string): number {
    const [, expression = ''] = new RegExp(`^(?:export )?const ${constant} = ([^;]+);`, 'm').exec(code) ?? [];
    const factors = expression.split('*').map((factor) => factor.trim());
    return factors.reduce(
      (product, factor) =>
        product *
        (/^[A-Z]/.test(factor)
          ? constantValue(factor, CODE)
          : Number.parseInt(factor.replaceAll('_', ''), 10)),
      1,
    );
  }

  test.each(limits)('%s: %s', (_, shown = '', name = '', file = '') => {
    const constant = name.replaceAll('`', '');
    const value = constantValue(constant, source(file.replaceAll('`', '')));
    const [, digits = '', unit = ''] = /^([\d,]+) ?(\w*)$/.exec(shown) ?? [];
    const said = Number(digits.replaceAll(',', '')) * (unit === '' ? 1 : (UNITS[unit] ?? Number.NaN));
    expect(constant.endsWith('_S') ? value * 1000 : value).toBe(said);
  });
});

describe('docs/configuration.md', () => {
  const rows = rowsOf(documentAt('docs/configuration.md'));
  const schema = [
    /const settings = z\.object\(\{([\s\S]*?)^\}\);/m.exec(source('src/config.ts')),
    /const signInSettings = \{([\s\S]*?)^\};/m.exec(source('src/sign-in-settings.ts')),
  ]
    .map((found) => found?.[1])
    .join('\n');
  const settings = [...schema.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name]) => name ?? '');
  const toml = source('wrangler.toml');
  const row = (name: string) => rows.find(([first]) => first === `\`${name}\``);

  test('there are settings', () =>
    expect(settings).toEqual(expect.arrayContaining(['PUBLIC_URL', 'OAUTH', 'OIDC_CLIENT_SECRET'])));

  test.each(settings)('%s has its default', (name) => {
    const [, value] = new RegExp(`^${name} = "(.*)"$`, 'm').exec(toml) ?? [];
    const secret = value === undefined ? 'made by `npm start`' : value === '' ? 'empty' : `\`${value}\``;
    expect(row(name)?.[1]).toBe(secret);
  });

  test.each(['ANONYMOUS_FENCE', 'ADMIN_FENCE'])('%s has its limit', (name) => {
    const [, limit, period] =
      new RegExp(`name = "${name}"[\\s\\S]*?limit = (\\d+), period = (\\d+)`).exec(toml) ?? [];
    expect(row(name)?.[1]).toBe(`${limit} in ${period} s`);
  });
});

test('docs/plain-http.md has the status of every code', () => {
  const [, statuses = ''] =
    /STATUS_OF_CODE[^{]*\{([\s\S]*?)\}/.exec(source('src/edge/http/http-errors.ts')) ?? [];
  const expected = [...statuses.matchAll(/(\w+): (\d+)/g)].map(([, code, status]) => [`\`${code}\``, status]);
  expect(expected.length).toBe(9);
  const rows = rowsOf(documentAt('docs/plain-http.md')).map(([code, status]) => [code, status]);
  expect(rows).toEqual(expect.arrayContaining(expected));
});

test('docs/plain-http.md has every code of a refused request', () => {
  const files = globSync('src/edge/{http,auth,mcp,api,tenant-client}/**/*.ts', { cwd: ROOT });
  const codes = files.flatMap((file) => [...source(file).matchAll(/\bcode: '([a-z_]+)'/g)]);
  expect(codes.length).toBeGreaterThan(15);
  // Only logged: the protocol server's own answer says what is wrong.
  const answered = codes.map(([, code]) => code).filter((code) => code !== 'protocol');
  expect(namesIn('docs/plain-http.md')).toEqual(expect.arrayContaining(answered));
});

test('docs/design.md names every room', () => {
  const [, rooms = ''] =
    /const ROOMS[^=]*= \{([\s\S]*?)^\};/m.exec(source('test/unit/architecture.test.ts')) ?? [];
  const expected = [...rooms.matchAll(/^ {2}'?([\w./-]+)'?: /gm)].map(([, room]) => `src/${room}`);
  expect(expected.length).toBeGreaterThan(15);
  const named = namesIn('docs/design.md').filter((name) => name.startsWith('src/'));
  expect([...named].sort()).toEqual([...expected].sort());
});

describe('decisions', () => {
  const pages = PATHS.filter((path) => /^docs\/decisions\/(?!README)/.test(path));
  test('are all in the index', () => {
    const linked = linksOf(documentAt('docs/decisions/README.md')).map(
      (target) => `docs/decisions/${target}`,
    );
    expect([...linked].sort()).toEqual(pages);
  });

  test.each(pages)('%s says what was tried, what was decided and what would change it', (path) => {
    const { text } = documentAt(path);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(expect.arrayContaining(['Context', 'What was tried', 'What would change it']));
    expect(text).toMatch(/^(?:## |\*\*)Decision/m);
  });
});

test('each threat of SECURITY.md names a test', () => {
  const threats = rowsOf(documentAt('SECURITY.md'));
  expect(threats.length).toBeGreaterThan(8);
  expect(threats.filter(([, , , tests = '']) => !/`test\/[\w/-]+\.test\.ts`/.test(tests))).toEqual([]);
});

test('CHANGELOG.md has the release that the package is, and a place for the next', () => {
  const { version } = JSON.parse(source('package.json'));
  const releases = [...documentAt('CHANGELOG.md').text.matchAll(/^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$/gm)];
  expect(releases.map(([, release]) => release)).toEqual(expect.arrayContaining(['Unreleased', version]));
});

describe('an output is compared', () => {
  test.each([
    ['{"a":1}', '{"a":1}\n', true],
    ['{"a":1}', '{"a":2}', false],
    ['{"a":1,…}', '{"a":1,"b":"x"}', true],
    ['{"a":1,…}', '{"a":1,"b":"x"}]', false],
    ['a…b', 'a\nb', false],
    ['{"retry_after_ms":5}', '{"retry_after_ms":17}', true],
    ['{"rev":5}', '{"rev":17}', false],
    ['{"id":"0123456789abcdef"}', '{"id":"fedcba9876543210"}', true],
    ['a.c', 'abc', false],
  ])('%j with %j: %s', (shown, printed, same) => {
    expect(printsWhatIsShown(shown, printed)).toBe(same);
  });

  test('as a pattern of the whole', () => expect(outputPattern('a').source).toBe('^a$'));
});
