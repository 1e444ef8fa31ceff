import { createHmac } from 'node:crypto';
import { type Config, parseConfig } from '../../config.ts';
import type { ConnectionSettings } from '../../connections/call-connections.ts';
import { isLoopbackHost } from '../../connections/http/address.ts';
import { PLATFORM } from '../../connections/http/platform.ts';
import { PublishedTools } from '../../mcp/published-tools.ts';
import type { ServerFactory } from '../../mcp/server.ts';
import type { Arrival } from '../../mcp/server-binding.ts';
import { type LocatedDatabase, locateDatabase } from '../../postgres/databases.ts';
import { openerOf } from '../../postgres/session.ts';
import { COALESCE_MS, CoalescingLog } from '../../telemetry/coalesce.ts';
import { createLog, type Log } from '../../telemetry/log.ts';
import type { Dataset } from '../../telemetry/metrics/data-point.ts';
import { type ExporterHost, SpanExporter } from '../../telemetry/otel/exporter.ts';
import { describeCause } from '../../telemetry/redact.ts';
import { requireAffordable } from '../../tenant/calls/limits.ts';
import { forwardOnly } from '../../tenant/contract/timer.ts';
import type { Catalogue } from '../../tools/catalogue.ts';
import { asksNothing } from '../../tools/remote-tool.ts';
import { hostnamesOf } from './host.ts';
import { IsolateMeter } from './isolate-meter.ts';
import { RefusalDelay } from './refusal-delay.ts';
import type { RequestSpans } from './request-spans.ts';
import { TenantRefusals } from './tenant-refusals.ts';
import { later } from './timer.ts';

/** What one isolate of the Worker keeps for all of its requests. */
export interface Isolate {
  readonly config: Config;
  /** The host names under which the server is served. */
  readonly hostnames: string[];
  /** The `Host` of the last request that had one of these: the next request mostly has the same. */
  lastHost: string | undefined;
  readonly log: Log;
  /** Writes the counts of repeated refusals, some time after the response was sent. */
  scheduleFlush(waitUntil: (work: Promise<unknown>) => void): void;
  readonly tools: PublishedTools;
  /** The tools that plain HTTP serves: all but those that ask their caller something, which needs a protocol. */
  readonly restTools: PublishedTools;
  readonly serve: ServerFactory;
  /** Exports the spans of requests; undefined when no collector is set. */
  readonly spans: SpanExporter | undefined;
  readonly meter: IsolateMeter;
  /** How the connections of tenants are opened. */
  readonly connections: ConnectionSettings;
  /** A database that all tenants share, by its name. */
  readonly findDatabase: (name: string) => LocatedDatabase | undefined;
  readonly refusals: TenantRefusals;
  readonly refusalDelay: RefusalDelay;
  /** Signs the request state that a client keeps for a tool. */
  readonly stateKey: Uint8Array;
}

/** What a Worker serves. */
export interface Served {
  readonly catalogue: Catalogue;
  readonly serve: ServerFactory;
}

/** What an operator may bind; see `wrangler.toml`. */
interface OptionalBindings {
  readonly METRICS?: Dataset;
}

/** The environment of Hono's handlers. */
export interface AppEnv {
  Bindings: Env & OptionalBindings;
  Variables: { isolate: Isolate; arrival: Arrival; spans: RequestSpans };
}

const isolates = new WeakMap<Env, Isolate>();

/**
 * The isolate's state, made by its first request.
 * @throws ConfigError when a setting is wrong
 */
export function isolateOf(env: AppEnv['Bindings'], served: Served): Isolate {
  const known = isolates.get(env);
  if (known !== undefined) return known;
  const config = parseConfig({ ...env });
  requireAffordable(config.limits, served.catalogue.all);
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  const spans = config.collector && new SpanExporter(config.collector, exporterHost(log));
  const findDatabase = (name: string) => locateDatabase(config.databases, { ...env }, name);
  const isolate: Isolate = {
    config,
    hostnames: hostnamesOf(config.publicUrls),
    lastHost: undefined,
    ...isolateLog(log),
    spans,
    meter: new IsolateMeter({
      clock: () => Date.now(),
      send: async (added) => env.METERS.getByName('meters').addEdge(added),
      failed: (cause) =>
        log({ level: 'warn', event: 'telemetry.report_failed', cause: describeCause(cause, undefined, {}) }),
      spans: () => spans?.counts,
      dataset: env.METRICS,
    }),
    refusals: new TenantRefusals({
      clock: () => Date.now(),
      send: async (tenant, refusals) => env.TENANTS.getByName(tenant).countRefusals(refusals),
      failed: (cause) =>
        log({ level: 'warn', event: 'telemetry.report_failed', cause: describeCause(cause, undefined, {}) }),
    }),
    refusalDelay: new RefusalDelay(
      forwardOnly(() => Date.now()),
      later,
    ),
    tools: new PublishedTools(served.catalogue.tools),
    restTools: new PublishedTools(served.catalogue.tools.filter(asksNothing)),
    serve: served.serve,
    connections: {
      keys: config.connectionKeys,
      policy: {
        ownOrigins: config.publicUrls,
        isDevelopment: isLoopbackHost(new URL(config.publicUrl).hostname),
      },
      platform: PLATFORM,
      database: (name) => {
        const located = findDatabase(name);
        return located && openerOf(located);
      },
    },
    findDatabase,
    stateKey: createHmac('sha256', config.tokenKeys[0].secret).update('request state').digest(),
  };
  isolates.set(env, isolate);
  return isolate;
}

const exporterHost = (log: Log): ExporterHost => ({
  fetch: (...request) => fetch(...request),
  clock: forwardOnly(() => Date.now()),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  onDropped: (times) => log({ level: 'warn', event: 'telemetry.dropped', times }),
});

/** A request that is cancelled loses its timers: after this time another one schedules the next flush. */
const FLUSH_LEASE_MS = 2 * COALESCE_MS;

function isolateLog(log: Log): Pick<Isolate, 'log' | 'scheduleFlush'> {
  const refusals = new CoalescingLog(log, () => Date.now());
  let scheduledAt = Number.NEGATIVE_INFINITY;
  return {
    log: refusals.log,
    scheduleFlush: (waitUntil) => {
      if (!refusals.isPending) return;
      const now = Date.now();
      if (Math.abs(now - scheduledAt) < FLUSH_LEASE_MS) return;
      scheduledAt = now;
      const wait = new Promise<void>((resolve) => setTimeout(resolve, COALESCE_MS));
      waitUntil(
        wait.then(() => {
          scheduledAt = Number.NEGATIVE_INFINITY;
          refusals.flush();
        }),
      );
    },
  };
}
