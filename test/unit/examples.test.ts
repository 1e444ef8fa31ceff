import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Example, readExamples } from '../support/examples.ts';
import { dashboardModule } from '../support/grafana.ts';

/** The interfaces that people implement or call when they extend Bulkhead. */
const PUBLIC_CONTRACTS = [
  ['src/tools/tool.ts', 'defineTool'],
  ['src/tools/tool.ts', 'ToolContext'],
  ['src/tools/tool.ts', 'Sql'],
  ['src/tools/errors.ts', 'ToolError'],
  ['src/tools/remote-tool.ts', 'defineRemoteTool'],
  ['src/tools/remote-tool.ts', 'RemoteContext'],
  ['src/tools/connection.ts', 'HttpConnection'],
  ['src/tenant/contract/call.ts', 'CallHandler'],
  ['src/tenant/storage/database.ts', 'Database'],
  ['src/tenant/host.ts', 'Host'],
  ['src/edge/tenant-client/tenant-client.ts', 'TenantClient'],
];

/** An example with a wrong type in its second line, which shows that the examples are checked at all. */
const BROKEN: Example = {
  file: 'src/tools/tool.ts',
  line: 7,
  documents: undefined,
  code: "import type { Sql } from './tool.ts';\nexport const rows = (sql: Sql): number => sql.exec('SELECT 1');\n",
};

const examples = readExamples();
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-examples-'));
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Writes an example as if it stood beside the file that it documents, in the line in which it is written there. */
function write({ file, line, code }: Example): void {
  const path = join(directory, file.replace(/\.tsx?$/, `.example-${line}.ts`));
  mkdirSync(dirname(path), { recursive: true });
  // Without imports or exports it would be a script, whose names are visible to all others.
  writeFileSync(path, `${'\n'.repeat(line - 1)}${code}\nexport {};\n`);
}

/** Type-checks what was written. @returns the lines of the compiler, with the file and the line of the original */
function typeCheck(): Promise<string[]> {
  const config = {
    extends: resolve('tsconfig.json'),
    compilerOptions: {
      types: ['@cloudflare/workers-types', 'node'],
      noUnusedLocals: false,
      // Relative imports of the examples are resolved as if both directories were one.
      rootDirs: [directory, resolve('.')],
    },
    include: [join(directory, 'src'), resolve('src/env.d.ts')],
    exclude: [],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = resolve('node_modules/typescript/bin/tsc');
  return new Promise((settle) => {
    execFile(process.execPath, [tsc, '-p', directory, '--pretty', 'false'], (_failed, stdout, stderr) =>
      settle(`${stdout.replaceAll(/\.example-\d+\.ts/g, '.ts')}${stderr}`.trim().split('\n')),
    );
  });
}

test.each(PUBLIC_CONTRACTS)('%s: %s shows how it is used', (file, documents) => {
  const shown = examples.filter((example) => example.file === file && example.documents === documents);
  expect(shown, `Add an @example with a fenced ts block to the doc comment of ${documents}.`).not.toEqual([]);
});

const DASHBOARD = 'src/telemetry/dashboards/bulkhead.json';

test('every example in the code compiles, and the dashboard is one that Grafana loads', async () => {
  for (const example of [...examples, BROKEN]) write(example);
  const dashboard = readFileSync(DASHBOARD, 'utf8');
  writeFileSync(join(directory, 'src/dashboard.ts'), dashboardModule(dashboard));
  const broken = dashboardModule(dashboard.replace('"absolute"', '"absolut"'));
  writeFileSync(join(directory, 'src/broken-dashboard.ts'), broken);
  const expected = [
    /src\/broken-dashboard\.ts\(\d+,\d+\): error TS2820: Type '"absolut"' is not assignable to type '"absolute" \| "percentage"'/,
    /src\/tools\/tool\.ts\(8,\d+\): error TS2322: .*'SqlRow\[\]' is not assignable to type 'number'/,
  ];
  expect(await typeCheck()).toEqual(expected.map((line) => expect.stringMatching(line)));
});
