import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { measureChecked } from './checks.ts';
import { type CheckedLane, ourLane } from './lanes.ts';
import type { Options } from './options.ts';
import { type AimRow, differenceRow, printAims, printLanes, type Report } from './report.ts';
import { OURS, type Servers, UNLIMITED, WITHOUT_RECORDS } from './servers.ts';

/** What records and spans cost a guarded write: one Worker with both switched, in slices that alternate. */

const WITH_SPANS = 'with spans';
const LOADS = [
  { name: 'write, 16 connections', connections: 16 },
  { name: 'write, 1 connection', connections: 1 },
];

/** @returns prints what was found */
export async function measureTelemetry(servers: Servers, storage: string, options: Options): Promise<Report> {
  const collector = await Collector.start();
  try {
    const started = [
      { name: OURS, worker: await servers.start(OURS, storage, UNLIMITED) },
      { name: WITHOUT_RECORDS, worker: await servers.start(WITHOUT_RECORDS, storage, UNLIMITED) },
      {
        name: WITH_SPANS,
        worker: await servers.start(OURS, storage, {
          ...UNLIMITED,
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        }),
      },
    ];
    const lanes: CheckedLane[] = [];
    for (const load of LOADS)
      for (const { name, worker } of started) lanes.push(await ourLane(name, worker, load));
    const results = await measureChecked(lanes, options);
    if (collector.bytes === 0) throw new Error('the collector has received no spans');
    const aims = LOADS.flatMap(({ name: load }): AimRow[] => [
      ...differenceRow(results, 'records', [OURS, WITHOUT_RECORDS], load, 'at most 80'),
      ...differenceRow(results, 'spans', [WITH_SPANS, OURS], load, 'at most 15'),
    ]);
    const print = () => {
      printLanes('A write with records and spans switched', results);
      printAims(aims);
    };
    return { print, aims, charts: [] };
  } finally {
    collector.stop();
  }
}

/** A collector that takes everything and reads none of it. */
class Collector {
  readonly #server: Server;
  bytes = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => {
        this.bytes += chunk.byteLength;
      });
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    });
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
