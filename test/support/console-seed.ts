/** What agents have done before a person looks at the console: something on every page, hostile texts among it. */
export async function seedConsole(call: (tool: string, args: unknown) => Promise<Record<string, unknown>>) {
  const hostile = `<img src=x onerror=alert(1)>\u202E${'x'.repeat(60)}`;
  const cell = { run_id: 'release', key: 'plan' };
  await call('blackboard_write', { ...cell, value: { steps: ['notes'] }, by: hostile });
  await call('blackboard_write', {
    ...cell,
    value: { steps: ['tag'], long: 'x'.repeat(100_000) },
    by: 'ann',
    tags: ['plan'],
  });
  await call('blackboard_write', { ...cell, value: 1, if_rev: 1 });
  await call('blackboard_write', { kye: 'plan' });
  await call('blackboard_write', { run_id: 'release', key: 'job/1', value: hostile });
  await call('blackboard_claim', { run_id: 'release', prefix: 'job/', by: hostile });
  for (let times = 0; times < 5; times++) await call('blackboard_read', cell);
  const failure = {
    tool: 'deploy',
    error_type: 'LockTimeout',
    error_message: hostile,
    resolution: 'Wait for the lock.',
  };
  const { scar_id } = await call('scar_record', failure);
  await call('scar_resolve', { scar_id, outcome: 'worked', resolution: 'Wait for the lock.' });
  const prompt = { model: 'model-x', prompt: 'Summarise' };
  await call('cache_get', prompt);
  await call('cache_set', { ...prompt, response: 'x', usage: { input_tokens: 10, cost_usd: 0.25 } });
  await call('cache_get', prompt);
}
