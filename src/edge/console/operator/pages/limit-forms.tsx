import type { BucketLimit } from '../../../../tenant/contract/limit-settings.ts';
import type { TenantInfo } from '../../../../tenant/operation.ts';
import { invalid } from '../../forms.tsx';
import type { Shown } from './manage.tsx';

/** The forms of limits and quotas, with the values that hold now. */

interface Row {
  /** Empty for the tenant, `*` for each tool without limits of its own. */
  readonly tool: string;
  readonly name: string;
  readonly limit: BucketLimit;
  readonly isOwn: boolean;
}

interface LimitFormsProps {
  readonly info: TenantInfo;
  readonly tools: readonly string[];
  readonly shown: Shown;
}

export function LimitForms({ info: { effective, overrides }, tools, shown }: LimitFormsProps) {
  const own = Object.entries(overrides.tools);
  const rows: Row[] = [
    { tool: '', name: 'The tenant', limit: effective.tenant, isOwn: overrides.tenant !== undefined },
    { tool: '*', name: 'Each tool', limit: effective.tool, isOwn: overrides.tool !== undefined },
    ...own.map(([tool, limit]) => ({ tool, name: tool, limit, isOwn: true })),
  ];
  const others = tools.filter((name) => !Object.hasOwn(overrides.tools, name));
  return (
    <>
      {rows.map((row) => (
        <LimitForm row={row} shown={shown} />
      ))}
      {others.length > 0 && <OtherToolForm tools={others} limit={effective.tool} shown={shown} />}
    </>
  );
}

/** What was typed into the form of a bucket, if it is the one that was not taken. */
const typedOf = ({ form, problem }: Shown, tool: string) =>
  form?.action === 'limit' && form.typed('tool') === tool ? { form, problem } : undefined;

const LimitForm = ({ row: { tool, name, limit, isOwn }, shown }: { row: Row; shown: Shown }) => (
  <form method="post" class="line" aria-label={`Limit of ${name}`}>
    <input type="hidden" name="tool" value={tool} />
    <p class="line-name">
      <strong>{name}</strong>
      <span class="soft">{isOwn ? 'set for this tenant' : 'the default'}</span>
    </p>
    <BucketFields limit={limit} typed={typedOf(shown, tool)} />
    <button type="submit" name="action" value="limit">
      Save
    </button>
    {isOwn && (
      <button type="submit" name="action" value="unset" class="quiet">
        Use the default
      </button>
    )}
  </form>
);

const OtherToolForm = ({
  tools,
  limit,
  shown,
}: {
  tools: readonly string[];
  limit: BucketLimit;
  shown: Shown;
}) => {
  const chosen = tools.find((tool) => typedOf(shown, tool) !== undefined);
  return (
    <form method="post" class="line" aria-label="Limit of another tool">
      <label class="line-name">
        Another tool
        <select name="tool">
          {tools.map((tool) => (
            <option value={tool} selected={tool === chosen}>
              {tool}
            </option>
          ))}
        </select>
      </label>
      <BucketFields limit={limit} typed={chosen === undefined ? undefined : typedOf(shown, chosen)} />
      <button type="submit" name="action" value="limit">
        Save
      </button>
    </form>
  );
};

const BucketFields = ({ limit, typed }: { limit: BucketLimit; typed: ReturnType<typeof typedOf> }) => (
  <>
    <label>
      Tokens a second
      <input
        name="rate"
        inputmode="decimal"
        value={typed?.form.typed('rate') ?? String(limit.rate)}
        required
        {...invalid(typed?.problem, 'rate')}
      />
    </label>
    <label>
      Burst
      <input
        name="burst"
        inputmode="numeric"
        value={typed?.form.typed('burst') ?? String(limit.burst)}
        required
        {...invalid(typed?.problem, 'burst')}
      />
    </label>
  </>
);

/** A size that can be typed back, without loss. */
function exactSize(bytes: number): string {
  const units = [
    ['GiB', 1024 ** 3],
    ['GB', 1e9],
    ['MiB', 1024 ** 2],
    ['MB', 1e6],
  ] as const;
  const unit = units.find(([, one]) => bytes % one === 0);
  return unit === undefined ? String(bytes) : `${bytes / unit[1]}${unit[0]}`;
}

const FIELDS = [
  ['storage', 'Storage'],
  ['day', 'Calls a day'],
  ['month', 'Calls a month'],
] as const;

export function QuotaForm({ info, shown: { form, problem } }: { info: TenantInfo; shown: Shown }) {
  const typed = form?.action === 'quotas' ? form : undefined;
  const quotaOf = (period: string) => info.calls.find((use) => use.period === period)?.quota;
  const values = {
    storage: info.hasOwnQuota ? exactSize(info.storageQuotaBytes) : '',
    day: String(quotaOf('day') ?? ''),
    month: String(quotaOf('month') ?? ''),
  };
  const defaults = { storage: exactSize(info.storageQuotaBytes), day: 'no quota', month: 'no quota' };
  return (
    <form method="post" class="line" aria-label="Quotas">
      {FIELDS.map(([name, label]) => (
        <label>
          {label}
          <input
            name={name}
            value={typed?.typed(name) ?? values[name]}
            placeholder={defaults[name]}
            {...invalid(typed && problem, name)}
          />
        </label>
      ))}
      <button type="submit" name="action" value="quotas">
        Save
      </button>
      <p class="soft">
        Empty fields have the default: that of the deployment for the storage, no quota for calls.
      </p>
    </form>
  );
}
