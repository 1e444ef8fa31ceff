import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sweepers } from '../../src/catalogue.ts';
import { TOOL_FAMILIES, TOOLS } from '../../src/tools/catalogue.ts';
import {
  ALL_SCOPES,
  describeFamily,
  FAMILIES,
  familyOf,
  SCOPES,
  UNSCOPED_FAMILY,
} from '../../src/tools/families.ts';

const DECLARATION = 'src/tools/families.ts';
/** So many families in a row are an enumeration of the families, which belongs into the declaration only. */
const ENUMERATION = 3;

/** Runs of family names, alone or as scopes, with nothing between them but punctuation, "and" and "or". */
const RUN = new RegExp(
  String.raw`\b(?:${FAMILIES.join('|')})\b(?:(?:[^\w.]|\b(?:read|write|and|or)\b)+\b(?:${FAMILIES.join('|')})\b)+`,
  'g',
);

function enumerations(text: string): string[] {
  return [...text.matchAll(RUN)]
    .map(([run]) => run)
    .filter((run) => FAMILIES.filter((family) => run.split(/\W+/).includes(family)).length >= ENUMERATION);
}

describe('an enumeration of the families is found', () => {
  const [first = '', second = '', third = ''] = FAMILIES;
  test.each([
    `['${first}', '${second}', '${third}']`,
    `'${third}' | '${first}'\n  | '${second}'`,
    `/^(${second}|${first}|${third})_/`,
    `[\n  '${first}:read',\n  '${first}:write',\n  '${second}:read',\n  '${third}:read',\n]`,
    `// The families are ${first}, ${second} and ${third}.`,
  ])('%j', (text) => expect(enumerations(text)).toHaveLength(1));

  test.each([
    `'?tools=${first},${second}'`,
    `{ scopes: ['${first}:write', '${third}:read'] }`,
    `import './${first}/read.ts';\nimport './${second}/list.ts';\nimport './${third}/get.ts';`,
  ])('but not %j', (text) => expect(enumerations(text)).toEqual([]));
});

test('the families are enumerated in one file only', () => {
  const files = globSync('{src,test,bin,scripts}/**/*.{ts,tsx,mjs,js}');
  expect(files).toContain(DECLARATION);
  const found = files.filter(
    (file) => file !== DECLARATION && enumerations(readFileSync(file, 'utf8')).length > 0,
  );
  expect(found, `Derive these from FAMILIES or SCOPES of ${DECLARATION}.`).toEqual([]);
});

test('each family has a scope to read and a scope to write, a description and tools', () => {
  expect(SCOPES).toEqual(FAMILIES.flatMap((family) => [`${family}:read`, `${family}:write`]));
  expect(ALL_SCOPES).toEqual([
    ...SCOPES,
    'records:read',
    'connections:write',
    'approvals:write',
    'tokens:write',
  ]);
  expect(TOOL_FAMILIES, 'A family without tools is of no use to a token.').toEqual([
    ...FAMILIES,
    UNSCOPED_FAMILY,
  ]);
  for (const family of TOOL_FAMILIES) expect(describeFamily(family)).toMatch(/^[A-Z].{10,100}\.$/);
  expect(describeFamily('toString')).toBeUndefined();
});

test('tools are listed by family, and by name within a family', () => {
  const names = TOOLS.map(({ name }) => name);
  const expected = TOOL_FAMILIES.flatMap((family) =>
    names.filter((name) => familyOf({ name }) === family).sort(),
  );
  expect(names).toEqual(expected);
});

test.each([
  ['tickets_open', 'tickets'],
  ['tickets', 'tickets'],
  ['a_b_c', 'a'],
])('the family of %s is %s', (name, family) => expect(familyOf({ name })).toBe(family));

test('every function that deletes expired rows is declared as the sweeper of one tool', () => {
  const written = globSync('src/{tools,transport-tools}/**/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^export function (sweep[A-Z]\w*)\(/gm)].map(([, name]) => name),
  );
  expect(written).toContain('sweepSessions');
  expect(
    sweepers.map(({ name }) => name),
    'Declare it as `sweep` of a tool that adds such rows.',
  ).toEqual(expect.arrayContaining(written));
});
