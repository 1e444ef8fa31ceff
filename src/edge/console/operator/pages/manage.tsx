import type { Child } from 'hono/jsx';
import type { TenantInfo } from '../../../../tenant/operation.ts';
import type { StorageUsage } from '../../../../tenant/storage/usage.ts';
import { AdminRefusal, resultOf } from '../../../admin/refusals.ts';
import type { Verdict } from '../../../admin/verify.ts';
import { type FieldProblem, invalid, Problem, type SentForm } from '../../forms.tsx';
import { respondPage } from '../../layout.tsx';
import { count, Head, size, Tiles, Time } from '../../parts.tsx';
import type { OperatorVisit } from '../visit.ts';
import { LimitForms, QuotaForm } from './limit-forms.tsx';

/** What the operator can change of one tenant. */

export interface Shown {
  /** A form that was not taken, with what was typed. */
  readonly form?: SentForm;
  readonly problem?: FieldProblem;
  readonly status?: 400 | 403 | 404 | 408 | 409 | 413 | 415 | 503;
  /** What the log calls it. */
  readonly code?: string;
  /** What the check of the records has found. */
  readonly verdict?: Verdict;
}

export async function showManage(visit: OperatorVisit, shown: Shown): Promise<Response> {
  const { c, viewer } = visit;
  const { problem, status = 200, code, verdict } = shown;
  const read = await stateOf(visit);
  if (read instanceof AdminRefusal)
    return respondPage(c, {
      title: 'Manage',
      status: read.refusal.status === 404 ? 404 : 503,
      viewer,
      body: (
        <div class="narrow">
          <h1>{read.refusal.status === 404 ? 'Not found' : 'This cannot be shown now'}</h1>
          <p class="alert">{read.message}</p>
          <Problem problem={problem} />
          {/* A tenant whose storage is broken can still be erased, and made again. */}
          <EraseForm tenant={viewer.tenant} shown={shown} />
        </div>
      ),
    });
  const { info, storage } = read;
  const tools = c.var.isolate.tools.names(undefined);
  return respondPage(c, {
    title: 'Manage',
    status,
    code,
    viewer,
    body: (
      <>
        <h1>
          Manage <bdi>{viewer.tenant}</bdi>
        </h1>
        <Problem problem={problem} />
        {verdict !== undefined && <VerdictText verdict={verdict} />}
        <Tiles tiles={tilesOf(info)} />
        <StatusForm info={info} />
        <Section title="Limits">
          <p class="soft">
            Each call takes tokens from the bucket of the tenant and from that of its tool. A change applies
            to the next call, and the <a href={`${viewer.home}/limits`}>limits page</a> shows the buckets.
          </p>
          <LimitForms info={info} tools={tools} shown={shown} />
        </Section>
        <Section title="Quotas">
          <QuotaForm info={info} shown={shown} />
        </Section>
        <StorageSection storage={storage} />
        <Section title="Records">
          <p class="soft">
            Each record of a call names the hash of the one before it. The check reads all of them, and finds
            out whether one was altered or removed.
          </p>
          <ActionForm action="verify" text="Verify the records" />
          <p>
            <a href={`${viewer.home}/calls?tool=admin`}>What the operator has changed</a>
            {' · '}
            <a href={`${viewer.home}/calls?token=operator&internal=true`}>and looked at</a>
          </p>
        </Section>
        <EraseForm tenant={viewer.tenant} shown={shown} />
      </>
    ),
  });
}

/** What is shown, or why it cannot be. */
async function stateOf({ c, viewer }: OperatorVisit) {
  const tenant = c.env.TENANTS.getByName(viewer.tenant);
  try {
    const [info, storage] = await Promise.all([
      resultOf<TenantInfo>(c, tenant.describe()),
      resultOf<StorageUsage>(c, tenant.storage()),
    ]);
    return { info, storage };
  } catch (cause) {
    if (cause instanceof AdminRefusal) return cause;
    throw cause;
  }
}

const tilesOf = ({ status, storageBytes, storageQuotaBytes, calls, sessions, streams }: TenantInfo) => [
  { name: 'Status', value: status, tone: status === 'active' ? ('ok' as const) : ('bad' as const) },
  {
    name: `Stored, of ${size(storageQuotaBytes)}`,
    value: size(storageBytes),
    tone: storageBytes > 0.9 * storageQuotaBytes ? ('warn' as const) : ('plain' as const),
  },
  ...calls.map(({ period, used, quota }) => ({
    name: `Calls this ${period}`,
    value: quota === undefined ? count(used) : `${count(used)} of ${count(quota)}`,
    tone: quota !== undefined && used > 0.9 * quota ? ('warn' as const) : ('plain' as const),
  })),
  { name: 'Sessions, streams', value: `${count(sessions)}, ${count(streams)}` },
];

const Section = ({ title, children }: { title: string; children?: Child }) => (
  <section class="panel">
    <h2>{title}</h2>
    {children}
  </section>
);

/** A form that is one button. */
const ActionForm = ({ action, text }: { action: string; text: string }) => (
  <form method="post">
    <button type="submit" name="action" value={action}>
      {text}
    </button>
  </form>
);

const StatusForm = ({ info: { status, createdAt } }: { info: TenantInfo }) => (
  <Section title="Status">
    <p class="soft">
      {status === 'active'
        ? 'While a tenant is suspended, every call of it is refused and its streams end. Its data stays.'
        : 'Every call is refused. The data is as it was, and you can look at it.'}{' '}
      Created <Time at={createdAt} /> UTC.
    </p>
    {status === 'active' ? (
      <ActionForm action="suspend" text="Suspend" />
    ) : (
      <ActionForm action="resume" text="Resume" />
    )}
  </Section>
);

const KINDS: Readonly<Record<string, string>> = {
  cells: 'Cells of boards',
  history: 'History of boards',
  scars: 'Failures',
  cache: 'Cache',
};

const StorageSection = ({ storage }: { storage: StorageUsage }) => {
  const { data, indexes, bookkeeping, total, free } = storage;
  const kept = Object.values(bookkeeping);
  const bytes = (kinds: readonly { bytes: number }[]) => kinds.reduce((sum, kind) => sum + kind.bytes, 0);
  const rows = kept.reduce((sum, kind) => sum + kind.rows, 0);
  return (
    <Section title="Storage">
      <table class="rows sizes">
        <Head columns={['What', '#Rows', '#Size']} />
        <tbody>
          {Object.entries(data).map(([kind, used]) => (
            <SizeRow name={KINDS[kind] ?? kind} rows={used.rows} bytes={used.bytes} />
          ))}
          <SizeRow name="Indexes" bytes={indexes} />
          <SizeRow name="Records and bookkeeping, outside the quota" rows={rows} bytes={bytes(kept)} />
          <SizeRow
            name={free === undefined ? 'The database' : `The database, with ${size(free)} free`}
            bytes={total + (free ?? 0)}
          />
        </tbody>
      </table>
      <p class="soft">
        Compacting deletes expired rows and old versions of cells, a bounded number at a time. What cells hold
        now stays.
      </p>
      <ActionForm action="compact" text="Compact" />
    </Section>
  );
};

const SizeRow = ({ name, rows, bytes }: { name: string; rows?: number; bytes: number }) => (
  <tr>
    <td>{name}</td>
    <td class="number soft">
      {rows === undefined ? '' : count(rows)}
      {rows !== undefined && <span class="unit"> rows</span>}
    </td>
    <td class="number">{size(bytes)}</td>
  </tr>
);

const EraseForm = ({ tenant, shown: { form, problem } }: { tenant: string; shown: Shown }) => (
  <Section title="Erase">
    <p class="soft">
      Erasing deletes the tenant with its boards, failures, cache, tokens and records, for ever. Its tokens
      are refused from then on.
    </p>
    <form method="post" class="line" aria-label="Erase">
      <label>
        The tenant’s name, to be sure
        <input
          name="name"
          value={form?.action === 'erase' ? form.typed('name') : ''}
          placeholder={tenant}
          autocomplete="off"
          class="sure"
          {...invalid(form?.action === 'erase' ? problem : undefined, 'name')}
        />
      </label>
      <button type="submit" name="action" value="erase" class="danger">
        Erase for ever
      </button>
    </form>
  </Section>
);

const FOUND = {
  altered: 'was altered',
  missing: 'is missing',
  'end missing': 'is the last one, and others that followed it are missing',
  'head altered': 'has a signed head that was altered',
} as const;

/** The verdict in words. */
const VerdictText = ({ verdict }: { verdict: Verdict }) => {
  const { broken, first, last, unchained, anchor } = verdict;
  const range =
    last < first
      ? 'There are no records yet.'
      : `Records ${count(first)} to ${count(last)} are as they were written.`;
  return (
    <div class={broken === undefined ? 'done' : 'alert'} role="status">
      {broken === undefined ? (
        <p>
          <strong>Intact.</strong> {range}
        </p>
      ) : (
        <p>
          <strong>Broken.</strong> Record {count(broken.id)} {FOUND[broken.what]}. Those before it are as they
          were written.
        </p>
      )}
      <p class="soft">
        {anchor === undefined ? (
          'No signed head covers them yet: whoever can write the database could have written all of them again.'
        ) : (
          <>
            A signed head covers them up to record {count(anchor.id)}, of <Time at={anchor.at} /> UTC. What is
            later could have been written again by whoever can write the database.
          </>
        )}
        {unchained > 0 && ` ${count(unchained)} records of an older release have no hash.`}
      </p>
    </div>
  );
};
