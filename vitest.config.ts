import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { defineConfig } from 'vitest/config';
import { TEST_SECRETS } from './test/support/secrets.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias: { '#host': at('./test/support/host-node.ts') } },
        test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/tools/**/*.test.ts'] },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { bindings: { ...TEST_SECRETS, PUBLIC_URL: 'https://mcp.test' } },
          }),
        ],
        resolve: { alias: { '#host': at('./test/support/host-worker.ts') } },
        test: { name: 'worker', include: ['test/worker/**/*.test.ts', 'test/tools/**/*.test.ts'] },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
