import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * How long after its start the local server has answered a first call, for each way to start it: from the first line of
 * `initialize` to the last of the answer to a `tools/call` that writes. The first run has no compile cache yet.
 */

const RUNS = 8;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WAYS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'the server itself': [process.execPath, 'src/cli/run.mjs', 'stdio'],
  'npm run -s stdio': ['npm', 'run', '-s', 'stdio', '--'],
  'npx bulkhead stdio': ['npx', 'bulkhead', 'stdio'],
};

const MESSAGES = [
  {
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1.0.0' },
    },
  },
  { method: 'notifications/initialized' },
  {
    id: 2,
    method: 'tools/call',
    params: { name: 'blackboard_write', arguments: { key: 'plan', value: 1 } },
  },
];

/** Milliseconds from the start of the process to the answer. */
async function firstCall([command, ...args]: readonly [string, ...string[]], data: string): Promise<number> {
  const startedAt = performance.now();
  const server = spawn(command, [...args, '--data', data], { cwd: ROOT, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  for (const message of MESSAGES) server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  let said = '';
  for await (const chunk of server.stdout) {
    said += chunk;
    if (said.includes('"id":2')) break;
  }
  const ms = performance.now() - startedAt;
  server.stdin.end();
  await ended;
  return ms;
}

const directory = mkdtempSync(join(tmpdir(), 'bulkhead-bench-'));
try {
  for (const [name, command] of Object.entries(WAYS)) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++)
      times.push(await firstCall(command, join(directory, name, `${run}`)));
    console.log(`${name.padEnd(20)} ${times.map((ms) => `${Math.round(ms)} ms`).join('  ')}`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
