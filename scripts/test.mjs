/**
 * Runs all checks and tests, as `npm test` and CI do. Vitest runs a project's files inside workerd one after the other, so those
 * are divided between processes; everything else is one process that starts as many workers as are good for it.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
/** Processes for the files inside workerd: one of them works while others wait. */
const SHARDS = 3;
/**
 * The compilers, tsc and esbuild, are written in Go and end within seconds: collecting garbage is a third of their work.
 * See https://go.dev/doc/gc-guide
 */
const COMPILERS = { GOGC: 'off', GOMEMLIMIT: '2GiB' };
/** Compiled code that Node keeps: the tests start wrangler, npm and clients of others dozens of times. */
const CACHE = { NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)) };

const npm = (...args) => ['npm', ['run', '-s', ...args]];
const vitest = (...args) => [process.execPath, [VITEST, 'run', ...args]];

/** What runs one after the other; each holds what runs at once. */
const STEPS = [
  [npm('lint'), npm('types', '--', '--check'), npm('typecheck')],
  [vitest('--project', 'unit')],
  Array.from({ length: SHARDS }, (_, n) => vitest('--project', 'worker', `--shard=${n + 1}/${SHARDS}`)),
  [vitest('--project', 'e2e', '--project', 'conformance')],
];

/**
 * Prints the output of what runs beside others in one piece, when it has ended.
 * @returns the exit code
 */
function run([file, args], isAlone) {
  const child = spawn(file, args, {
    stdio: isAlone ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...COMPILERS, ...CACHE },
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
for (const [index, step] of STEPS.entries()) {
  const codes = await Promise.all(step.map((command) => run(command, step.length === 1)));
  failed += codes.filter((code) => code !== 0).length;
  // What does not compile would fail in every step that follows.
  if (index === 0 && failed > 0) break;
}
const seconds = Math.round((performance.now() - started) / 1000);
console.log(failed === 0 ? `All tests passed, in ${seconds} s.` : `Tests failed: see above. ${seconds} s.`);
process.exitCode = failed === 0 ? 0 : 1;
