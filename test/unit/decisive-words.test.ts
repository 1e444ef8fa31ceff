import { describe, expect, test } from 'vitest';
import { decisiveWords, haveOpposites } from '../../src/tools/scar/decisive-words.ts';

describe('of a failure decide', () => {
  test.each([
    ['quoted names', "Failed with result 'oom-kill' near “retry”", ['oom-kill', 'retry']],
    ['names with the digits of a standard', "undefined reference to `EVP_sha256'", ['evp_sha256']],
    ['names of members in a list', 'Missing key: "encoder.layer.0.weight"', ['encoder.layer.0.weight']],
    ['members of JSON that name a part', '{"error":"bad","param":"tools","user":"ann"}', ['tools']],
    ['long names with a digit', 'no kernel for Conv2DBackpropInput', ['conv2dbackpropinput']],
    ['classes of the JVM', 'NoClassDefFoundError: com/acme/Cart', ['cart']],
    ['results of Windows', 'failed with 0x80070005 at 0x7ffd1234', ['0x80070005']],
    ['a missing file', 'cp: cannot open /srv/app/schema.sql: No such file', ['schema.sql']],
    ['a missing file without a folder', 'fatal error: libpq-fe.h: No such file', ['libpq-fe.h']],
    ['routes', 'No route matches [GET] "/admin/reports"', ['/admin/reports']],
    ['labels of a build', "target '//app:lib' is hidden", ['//app:lib']],
    ['small codes and arities', 'verify error:num=18 in total/2', ['code18', 'arity2']],
    ['words with digits', 'bind failed on ipv6', ['ipv6']],
  ])('%s', (_, text, words) => {
    expect(decisiveWords(text)).toEqual(words);
  });

  test.each([
    ['names that people give', "user 'ann' on host \"alpha\", queue 'jobs', container name '/web'"],
    ['what was compared', "expected to equal 'ann', got 'bob'; received 'true'"],
    ['ids', "order 'order_8841_a', node `web-03`, 'kube-api-access-8xk2p' is gone"],
    ['places in files', 'src/cart.ts:14: not found in lib/money.ts'],
    ['files of data', '/srv/uploads/holiday.mp4: cannot open'],
    ['folders of people', 'cannot open /home/kim'],
    ['addresses', 'GET https://api.example.com/v1/items "not found" by ann@example.org'.replaceAll('"', '')],
    ['numbers', 'resolved to 2 elements, step 4/9 after 3 tries'],
    ['secrets', 'password=hunter2-oom-kill'],
  ])('not: %s', (_, text) => {
    expect(decisiveWords(text)).toEqual([]);
  });

  test('at most 24 words', () => {
    const names = Array.from({ length: 60 }, (_, n) => `'x${'abcdefghij'[n % 10]}${'klmnop'[n % 6]}y'`);
    expect(decisiveWords(names.join(' ')).length).toBe(24);
  });
});

test('a word and its opposite are two failures', () => {
  expect(haveOpposites('too few arguments', 'too many arguments')).toBe(true);
  expect(haveOpposites('closed before the end', 'closed after the end')).toBe(true);
  expect(haveOpposites('closed before and after', 'closed after the end')).toBe(false);
  expect(haveOpposites('too few arguments', 'wrong arguments')).toBe(false);
});
