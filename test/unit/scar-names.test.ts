import { describe, expect, test } from 'vitest';
import { actionKey, commandText } from '../../src/tools/scar/command-line.ts';
import { foldCode, foldErrorType, foldTool } from '../../src/tools/scar/names.ts';

describe('names that mean the same', () => {
  test.each([
    [
      'bash',
      'Shell',
      'TERMINAL',
      'sh',
      'execute_command',
      'run_in_terminal',
      'functions.bash',
      'BashTool',
      'run-command',
    ],
    ['edit', 'write', 'Write_File', 'str_replace_based_edit_tool', 'apply_patch'],
    ['grep', 'rg', 'Grep_Search'],
    ['fetch', 'WebFetch', 'fetch_url'],
  ])('tools: %s', (...tools) => {
    expect(new Set(tools.map(foldTool)).size).toBe(1);
  });

  test.each([
    [
      'TimeoutError',
      'timeout',
      'ETIMEDOUT',
      'asyncio.TimeoutError',
      'Timeout Error',
      'java.util.concurrent.TimeoutException',
    ],
    ['ENOENT', 'FileNotFoundError', 'System.IO.FileNotFoundException', 'no_such_file'],
    ['RateLimitError', 'rate_limit', 'TooManyRequests'],
    ['ECONNREFUSED', 'ConnectionRefusedError', 'connection refused'],
    ['ModuleNotFoundError', 'MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'],
  ])('types: %s', (...types) => {
    expect(new Set(types.map(foldErrorType)).size).toBe(1);
  });

  test('codes', () => {
    expect(new Set(['429', 'HTTP 429', 'http_429', 'status 429'].map(foldCode)).size).toBe(1);
    expect(foldCode('ERR_TIMEOUT')).toBe(foldCode('err-timeout'));
  });

  test.each([
    [
      foldTool,
      ['bash', 'python', 'browser', 'edit', 'read', 'grep', 'search', 'powershell', 'deploy', '!', '?'],
    ],
    [
      foldErrorType,
      [
        'ReadTimeout',
        'ConnectTimeout',
        'Timeout',
        'ConnectionError',
        'ConnectionReset',
        'PermissionError',
        'EPERM',
        'Error',
        '?',
      ],
    ],
    [foldCode, ['429', '404', 'E429', 'http', '!', '?']],
  ] as const)('others stay apart: %o', (fold, names) => {
    expect(new Set(names.map(fold)).size).toBe(names.length);
  });
});

describe('a command line called in another way', () => {
  test.each([
    'pytest tests/cart.py',
    'cd app && python -m pytest tests/cart.py',
    'cd "/srv/my app"; python3.11 -m pytest ./tests/cart.py 2>&1 | tail -20',
    'PYTHONPATH=. CI="1" /usr/local/bin/pytest -v /srv/app/tests/cart.py > out.txt 2>/dev/null',
    'sudo -u ci env A=1 timeout -k 5 60 pytest -q "tests/cart.py"',
    "bash -lc 'cd app && uv run --with httpx pytest tests/cart.py'",
    'poetry run pytest tests/cart.py --color=no | tee log | head -3',
    'source .venv/bin/activate && pytest \\\n  tests/cart.py; echo $?',
    'time pytest tests/cart.py &> log &',
    'venv\\Scripts\\pytest.exe tests\\cart.py',
  ])('%s', (line) => {
    expect(commandText(line)).toBe('pytest cart.py');
    expect(actionKey(line)).toBe(actionKey('pytest tests/cart.py'));
  });

  test.each([
    ['npx --yes jest a.test.ts', './node_modules/.bin/jest src/a.test.ts'],
    ['npm run test', 'CI=1 npm test'],
    ['yarn dlx prisma migrate', 'npx prisma migrate'],
    ['Deploy  Migration 12', 'deploy migration 12'],
  ])('%s is %s', (a, b) => {
    expect(actionKey(a)).toBe(actionKey(b));
  });

  test.each([
    ['pytest tests/cart.py', 'pytest tests/order.py'],
    ['npm test', 'npm install'],
    ['git push', 'git push --force'],
    ['deploy migration 12', 'deploy migration 13'],
    ['rm a | cat', 'rm b | cat'],
    ['cat dump.sql | psql shop', 'cat dump.sql | mysql shop'],
  ])('%s is not %s', (a, b) => {
    expect(actionKey(a)).not.toBe(actionKey(b));
  });

  test.each(['cd app', 'echo "', '', '&&', 'a "b', "it's late", '>', 'sudo', 'bash -c'])(
    'what is left of nothing is the text: %j',
    (line) => {
      expect(commandText(line)).toBeTypeOf('string');
      expect(commandText(line) === '').toBe(line === '');
    },
  );
});
