import * as z from 'zod';
import { VERSION } from '../../version.ts';
import type { Collector } from './post.ts';

/**
 * The settings of the export, under the names and in the forms that OpenTelemetry gives them ("Environment Variable
 * Specification" and "OpenTelemetry Protocol Exporter").
 */

const MAX_PAIRS = 32;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e]{1,4096}$/;

const ENDPOINT =
  'the address of an OTLP/HTTP collector, such as https://otel.example.com:4318; empty for no export';
const HEADERS =
  'name=value pairs, comma-separated and URL-encoded, at most 32, such as authorization=Bearer%20abc; empty for none';
const ATTRIBUTES = 'name=value pairs, comma-separated and URL-encoded, at most 32; empty for none';
const SERVICE = 'a name of 1 to 128 characters';

const isEndpoint = (text: string) =>
  text === '' ||
  (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === '');

/** `name=value,name=value`, each part URL-encoded (W3C Baggage, without properties). */
function parsePairs(text: string): readonly (readonly [string, string])[] | undefined {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  if (parts.length > MAX_PAIRS) return undefined;
  try {
    return parts.map((part) => {
      const at = part.indexOf('=');
      if (at < 1) throw new Error('a pair has no name');
      return [decodeURIComponent(part.slice(0, at).trim()), decodeURIComponent(part.slice(at + 1).trim())];
    });
  } catch {
    return undefined;
  }
}

const pairs = (error: string, isValid: (name: string, value: string) => boolean) =>
  z.string({ error }).transform((text, context): Readonly<Record<string, string>> => {
    const parsed = parsePairs(text);
    if (parsed?.every(([name, value]) => isValid(name, value))) return Object.fromEntries(parsed);
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });

/**
 * `wrangler.toml` repeats the defaults, because wrangler passes on only those names of `.dev.vars` that stand there. A
 * deployment whose file is older than these settings exports nothing.
 */
export const exportSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string({ error: ENDPOINT })
    .max(2048, { error: ENDPOINT })
    .refine(isEndpoint, { error: ENDPOINT })
    .default(''),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(
    HEADERS,
    (name, value) => HEADER_NAME.test(name) && HEADER_VALUE.test(value),
  ).prefault(''),
  OTEL_SERVICE_NAME: z
    .string({ error: SERVICE })
    .min(1, { error: SERVICE })
    .max(128, { error: SERVICE })
    .default('bulkhead'),
  OTEL_RESOURCE_ATTRIBUTES: pairs(
    ATTRIBUTES,
    (name, value) => name.length <= 128 && value.length <= 1024,
  ).prefault(''),
};
const schema = z.object(exportSettings);

/** The collector that the settings name; undefined when nothing is exported. */
export function collectorOf(settings: z.output<typeof schema>): Collector | undefined {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === '') return undefined;
  return {
    tracesUrl: `${endpoint.replace(/\/{1,8}$/, '')}/v1/traces`,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    resource: {
      'service.version': VERSION,
      ...settings.OTEL_RESOURCE_ATTRIBUTES,
      'service.name': settings.OTEL_SERVICE_NAME,
    },
  };
}

/**
 * The collector that an environment names.
 * @returns `collector` is undefined when nothing is exported; `problem` names a wrong setting and what it must be
 */
export function readCollector(
  env: Readonly<Record<string, string | undefined>>,
): { readonly collector: Collector | undefined } | { readonly problem: string } {
  const parsed = schema.safeParse(env);
  if (parsed.success) return { collector: collectorOf(parsed.data) };
  const [issue] = parsed.error.issues;
  return { problem: `${String(issue?.path[0])} must be ${issue?.message}` };
}
