import { describe, expect, test } from 'vitest';
import { redactSecrets } from '../../src/telemetry/secrets.ts';

describe('credentials as they occur in messages, commands and configuration', () => {
  test.each([
    ['postgres://app:p@ss@db:5432/x', 'postgres://app:[redacted:url_password]@db:5432/x'],
    ['https://0123456789abcdefghij@host/x', 'https://[redacted:url_token]@host/x'],
    [
      'https://x/y?X-Amz-Signature=abcdef123456&z=1',
      'https://x/y?X-Amz-Signature=[redacted:url_signature]&z=1',
    ],
    [
      'https://hooks.slack.com/services/T00/B00/XXXXXXXX',
      'https://hooks.slack.com/services/[redacted:webhook]',
    ],
    ['Cookie: session=abcdef; theme=dark', 'Cookie: [redacted:cookie]'],
    ['{"set-cookie":"a=bcdef","status":500}', '{"set-cookie":"[redacted:cookie]","status":500}'],
    ['accessToken: "correct horse battery"', 'accessToken: "[redacted:assignment]"'],
    ["password='it\\'s secret', user=joe", "password='[redacted:assignment]', user=joe"],
    ['{\\"password\\":\\"hunter22\\",\\"n\\":1}', '{\\"password\\":\\"[redacted:assignment]\\",\\"n\\":1}'],
    ['{"clientSecret":"hunter22"}', '{"clientSecret":"[redacted:assignment]"}'],
    ['//registry.example.com/:_authToken=abcdef', '//registry.example.com/:_authToken=[redacted:assignment]'],
    ['AccountKey=abcdefgh==;Endpoint=x', 'AccountKey=[redacted:assignment];Endpoint=x'],
    ['SECRET_KEY=abcdef', 'SECRET_KEY=[redacted:assignment]'],
    [':password => "hunter22"', ':password => "[redacted:assignment]"'],
    ['mysql --password hunter22 -h db', 'mysql --password [redacted:flag] -h db'],
    ['tool --api-key "with space" -v', 'tool --api-key [redacted:flag] -v'],
    ['curl -u admin:hunter22 https://x', 'curl -u admin:[redacted:user_password] https://x'],
    ['123456789:AAabcdefghijklmnopqrstuvwxyz012345', '[redacted:telegram_token]'],
    ['SG.abcdefghijklmnopqrst.abcdefghijklmnopqrst', '[redacted:sendgrid_key]'],
    ['GOCSPX-abcdefghijklmnopqrstuv', '[redacted:google_secret]'],
    ['xapp-1-A0123456789-abcdef', '[redacted:slack_token]'],
    ['glrt-abcdefghijklmnopqrst', '[redacted:gitlab_token]'],
    ['whsec_abcdefghijklmnopqrstuvwx', '[redacted:vendor_token]'],
    ['hvs.abcdefghijklmnopqrstuvwx', '[redacted:vendor_token]'],
    ['gsk_abcdefghijklmnopqrstuvwx', '[redacted:vendor_token]'],
  ])('%s', (text, expected) => {
    expect(redactSecrets(text)).toEqual({ text: expected, count: 1 });
    expect(redactSecrets(expected)).toEqual({ text: expected, count: 0 });
  });

  test.each([
    'use basic authentication instead',
    'docker run -u 1000:1000 image',
    'ssh://git@example.com/x',
    'max_tokens: 200',
    'Unexpected token: <',
    'see https://example.com/a?signed=yes',
    'the --token flag',
    'disable cookies',
  ])('%s stays as it is', (text) => {
    expect(redactSecrets(text)).toEqual({ text, count: 0 });
  });
});

test.each([
  ['TOKEN_KEYS=k1:{}'],
  ['CONNECTION_KEYS="c1:{}"'],
  ['tenant list --admin-key {}'],
  ['grant_type=authorization_code&code_verifier={}&client_id=app'],
  ['OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team={}'],
])('a credential of this server is redacted in %s', (shape) => {
  const secret = 'I95KsalCMJPaBvezJDcVOF4JLAsDchpZzctDM4I5wWo';
  expect(redactSecrets(shape.replace('{}', secret)).text).not.toContain(secret.slice(3));
});
