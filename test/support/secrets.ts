/** Secrets of the test server only. */
export const TEST_SECRETS = {
  TOKEN_KEYS: `test:${'dGVzdC1rZXkt'.repeat(4)}`,
  CONNECTION_KEYS: `c1:${Buffer.alloc(32, 'c1').toString('base64url')}`,
  ADMIN_KEY: 'test-admin-key-test-admin-key-test',
};
