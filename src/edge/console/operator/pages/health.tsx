import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { MeterTotals } from '../../../../meters/meter-rows.ts';
import { MIGRATIONS } from '../../../../tenant/storage/migrations.ts';
import { VERSION } from '../../../../version.ts';
import { checkParts, HEALTH_SAMPLE, type Part } from '../../../admin/health.ts';
import { attempt } from '../../../http/attempt.ts';
import type { AppEnv } from '../../../http/isolate.ts';
import { count, Head, Tiles } from '../../parts.tsx';
import { respondOperatorPage } from '../frame.tsx';
import type { OperatorSession } from '../session.ts';

/** How the deployment does: its parts, its schemas, what was lost of its telemetry, and what the edge has refused. */

type Ctx = Context<AppEnv>;

export async function healthPage(c: Ctx, session: OperatorSession): Promise<Response> {
  const [parts, registry, meters, totals] = await Promise.all([
    checkParts(c),
    attempt(c, async (): Promise<string[]> => c.env.REGISTRY.getByName('registry').migrations()),
    attempt(c, async (): Promise<string[]> => c.env.METERS.getByName('meters').migrations()),
    attempt(c, async (): Promise<MeterTotals> => c.env.METERS.getByName('meters').totals()),
  ]);
  const isBroken = Object.values(parts).some(({ status }) => status === 'broken');
  const { settings, registry: list, tenants } = parts;
  return respondOperatorPage(c, session, {
    title: 'Health',
    at: 'health',
    body: (
      <>
        <h1>Health</h1>
        <Tiles
          tiles={[
            { name: 'Deployment', value: isBroken ? 'broken' : 'ok', tone: isBroken ? 'bad' : 'ok' },
            { name: 'Version', value: VERSION },
            { name: 'Open streams', value: totals === undefined ? 'unknown' : count(totals.openStreams) },
            { name: 'Waiting calls', value: totals === undefined ? 'unknown' : count(totals.waiters) },
          ]}
        />
        <table class="rows parts">
          <Head columns={['Part', 'State', 'Schema', 'What to do']} />
          <tbody>
            <PartRow name="Settings" part={settings} schema="" />
            <PartRow name="List of tenants" part={list} schema={schemaText(registry)} />
            <PartRow
              name={`Tenants: ${tenants.checked} of at most ${HEALTH_SAMPLE} asked`}
              part={tenants}
              schema={schemaText(MIGRATIONS.map(({ name }) => name))}
            />
            <PartRow
              name="Metrics"
              part={{
                status: totals === undefined ? 'broken' : 'ok',
                problems: totals === undefined ? [METERS_BROKEN] : [],
              }}
              schema={schemaText(meters)}
            />
          </tbody>
        </table>
        {totals !== undefined && <Telemetry totals={totals} isExported={c.var.isolate.spans !== undefined} />}
        {totals !== undefined && <Fences totals={totals} />}
      </>
    ),
  });
}

const METERS_BROKEN =
  'The metrics cannot be read. Calls and tenants work without them; look at the log and the platform’s status.';

/** Migrations in words. */
const schemaText = (names: readonly string[] | undefined) =>
  names === undefined ? 'cannot be read' : `${names.length} migrations, up to ${names.toSorted().at(-1)}`;

const TONE = { ok: 'ok', broken: 'bad', unknown: 'warn' } as const;

const PartRow = ({ name, part, schema }: { name: string; part: Part; schema: string }) => (
  <tr>
    <td class="p-name">{name}</td>
    <td class="p-state">
      <span class={`status ${TONE[part.status]}`}>{part.status}</span>
    </td>
    <td class="p-schema soft">{schema}</td>
    <td class="p-what">
      {(part.problems ?? []).map((problem) => (
        <p>{problem}</p>
      ))}
    </td>
  </tr>
);

const Section = ({ title, children }: { title: string; children?: Child }) => (
  <section>
    <h2>{title}</h2>
    {children}
  </section>
);

function Telemetry({ totals: { counters }, isExported }: { totals: MeterTotals; isExported: boolean }) {
  const { recordsDropped, spansExported, spansDropped, spansFailed } = counters;
  const bad = (value: number) => (value > 0 ? ('bad' as const) : ('plain' as const));
  return (
    <Section title="Telemetry">
      <Tiles
        tiles={[
          { name: 'Records lost', value: count(recordsDropped), tone: bad(recordsDropped) },
          { name: 'Spans exported', value: isExported ? count(spansExported) : 'off' },
          { name: 'Spans lost', value: count(spansDropped), tone: bad(spansDropped) },
          { name: 'Exports that failed', value: count(spansFailed), tone: bad(spansFailed) },
        ]}
      />
      <p class="soft">Since the metrics began. Every record that was lost is a line in the log.</p>
    </Section>
  );
}

const Fences = ({ totals: { refusals } }: { totals: MeterTotals }) => (
  <Section title="Refused before a tenant was asked">
    {refusals.length === 0 ? (
      <p class="soft">Nothing was refused yet.</p>
    ) : (
      <table class="rows refusals">
        <Head columns={['Code', '#Status', '#Requests']} />
        <tbody>
          {refusals.map(({ code, status, times }) => (
            <tr>
              <td>
                <code>{code === '' ? 'none' : code}</code>
                {status === '429' && <span class="tag">a fence</span>}
              </td>
              <td class="number soft">{status}</td>
              <td class="number">{count(times)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    )}
    <p class="soft">
      The most frequent, since the metrics began. The fences count requests of one address without a valid
      credential; whoever has one is never refused by them.
    </p>
  </Section>
);
