/** Secrets of the test server only. */
export const TEST_SECRETS = {
  TOKEN_KEYS: `test:${'dGVzdC1rZXkt'.repeat(4)}`,
  ADMIN_KEY: 'test-admin-key-test-admin-key-test',
};
