/**
 * Runs all tests, as `npm test` and CI do. Vitest runs a project's files inside workerd one after the other, so those are
 * divided between two processes; everything else is one process that starts as many workers as are good for it.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));

/** What runs one after the other; each holds what runs at once. */
const STEPS = [
  [['--project', 'unit']],
  [
    ['--project', 'worker', '--shard=1/2'],
    ['--project', 'worker', '--shard=2/2'],
  ],
  [['--project', 'e2e', '--project', 'conformance']],
];

/** Prints the output of what runs beside others in one piece, when it has ended. */
function vitest(args, isAlone) {
  const child = spawn(process.execPath, [VITEST, 'run', ...args], {
    stdio: isAlone ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  const printed = [];
  child.stdout?.on('data', (chunk) => printed.push(chunk));
  child.stderr?.on('data', (chunk) => printed.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(printed));
      resolve(code ?? 1);
    });
  });
}

const started = performance.now();
let failed = 0;
for (const step of STEPS) {
  const codes = await Promise.all(step.map((args) => vitest(args, step.length === 1)));
  failed += codes.filter((code) => code !== 0).length;
}
const seconds = Math.round((performance.now() - started) / 1000);
console.log(failed === 0 ? `All tests passed, in ${seconds} s.` : `Tests failed: see above. ${seconds} s.`);
process.exitCode = failed === 0 ? 0 : 1;
