import { kindOf } from '../../telemetry/secret-names.ts';
import { redactSecrets } from '../../telemetry/secrets.ts';

/**
 * A value of JSON with its credentials masked and nothing else: nobody approves what they cannot read. It recurses, which is
 * safe because arguments nested deeper than `MAX_JSON_DEPTH` are refused before.
 * @param name the member that it is the value of: a password is recognised by that alone
 */
export function masked(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return maskedText(value, name);
  if (Array.isArray(value)) return value.map((item) => masked(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return maskedMembers(value);
}

/** Members whose names are masked alike are numbered, because one that replaces another would be hidden from who approves it. */
function maskedMembers(value: object): object {
  const shown = new Map<string, unknown>();
  const alike = new Map<string, number>();
  for (const [member, inner] of Object.entries(value)) {
    const name = redactSecrets(member).text;
    let unique = name;
    while (shown.has(unique)) {
      const number = (alike.get(name) ?? 1) + 1;
      alike.set(name, number);
      unique = `${name} (${number})`;
    }
    shown.set(unique, masked(inner, member));
  }
  return Object.fromEntries(shown);
}

function maskedText(text: string, name: string): string {
  const alone = redactSecrets(text);
  if (alone.count > 0 || kindOf(name) === undefined) return alone.text;
  const named = redactSecrets(JSON.stringify({ [name]: text }));
  if (named.count === 0) return text;
  try {
    return String(Object.values(JSON.parse(named.text))[0]);
  } catch {
    return '[redacted]';
  }
}
