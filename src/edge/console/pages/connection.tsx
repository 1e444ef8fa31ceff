import { fail, type Result, succeed } from '../../../result.ts';
import { CONNECTIONS_SCOPE, RECORDS_SCOPE } from '../../../tools/families.ts';
import { newSecret } from '../../admin/connection-schemas.ts';
import {
  listConnections,
  removeConnection,
  rotateConnection,
  type Tested,
  testConnection,
} from '../../admin/connections.ts';
import { checked } from '../../admin/refusals.ts';
import { attempt, notListed, ownerOf } from '../connection-calls.ts';
import {
  BreakerState,
  isOperators,
  type ListedConnection,
  placeOf,
  ROTATED,
  type Rotated,
  rotatedOf,
  secretOf,
} from '../connection-state.tsx';
import { done, invalid, Problem, type Rejected, type SentForm } from '../forms.tsx';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { duration, Time } from '../parts.tsx';
import { barrierOf, OnlyMembers } from '../person.tsx';
import type { NotShown, Visit } from '../visit.ts';

/** One connection: where it leads and how it does, with forms to test, to rotate and to remove it. */

interface Shown extends Rejected {
  readonly tested?: Tested;
}

/** Why somebody may not look at connections; undefined: they may. */
export function maySeeConnections({ viewer: { scopes: held } }: Visit): NotShown | undefined {
  if (held.includes(RECORDS_SCOPE) || held.includes(CONNECTIONS_SCOPE)) return undefined;
  const refusal = { reason: 'insufficient_scope', scope: RECORDS_SCOPE, held } as const;
  return { kind: 'refused', refusal: { ...refusal, isGrant: false, justRefreshed: false } };
}

export const connectionPage = (visit: Visit): Promise<Response> => showConnection(visit);

const nameOf = ({ c }: Visit) => c.req.param('name') ?? '';

/** The connection, or why it is not there. */
async function find(visit: Visit): Promise<Result<ListedConnection, NotShown>> {
  const listed = await attempt(() => listConnections(visit.c, ownerOf(visit)));
  if (!listed.ok) return fail(notListed(visit, listed.error));
  const found = listed.value.connections.find(({ name }) => name === nameOf(visit));
  if (found !== undefined) return succeed(found);
  const message = 'The tenant has no such connection.';
  return fail(notListed(visit, { code: 'not_found', field: undefined, message }));
}

async function showConnection(visit: Visit, { form, problem, tested }: Shown = {}): Promise<Response> {
  const { c, viewer } = visit;
  const lacking = maySeeConnections(visit);
  if (lacking !== undefined) return notShown(visit, 'connections', lacking);
  const found = await find(visit);
  if (!found.ok) return notShown(visit, 'connections', found.error);
  const connection = found.value;
  const mayChange = barrierOf(viewer, CONNECTIONS_SCOPE) === undefined;
  const hasForms = mayChange && !isOperators(connection);
  const path = `${viewer.home}/connections/${connection.name}`;
  const problemOf = (action: string) => (form?.action === action ? problem : undefined);
  return respondPage(c, {
    title: connection.name,
    status: problem === undefined ? 200 : 400,
    viewer,
    at: 'connections',
    body: (
      <>
        <p class="crumbs">
          <a href={`${viewer.home}/connections`}>Connections</a>
        </p>
        <h1>{connection.name}</h1>
        {tested !== undefined && <TestResult tested={tested} />}
        {!hasForms || !FORMS.includes(form?.action ?? '') ? <Problem problem={problem} /> : null}
        <Facts connection={connection} now={visit.now} />
        <OnlyMembers viewer={viewer} scope={CONNECTIONS_SCOPE} what="test, rotate or remove it" />
        {mayChange && isOperators(connection) && (
          <p class="aside">
            It leads to a shared database, or to an address that is not public: only the operator changes it.
          </p>
        )}
        {hasForms && (
          <>
            <form method="post" action={path} class="once">
              <Problem problem={problemOf('test')} />
              <input type="hidden" name="action" value="test" />
              <button type="submit">Test</button>{' '}
              <span class="soft">sends one GET with the secret to its URL</span>
            </form>
            {connection.kind === 'http' && (
              <RotateForm path={path} part={rotatedOf(connection)} problem={problemOf('rotate')} />
            )}
            <RemoveForm path={path} name={connection.name} problem={problemOf('remove')} />
          </>
        )}
      </>
    ),
  });
}

const FORMS = ['test', 'rotate', 'remove'];

function TestResult({ tested: { reachable, status, problem, took_ms: took } }: { tested: Tested }) {
  if (!reachable)
    return (
      <p class="alert" role="alert">
        It is not reachable: {problem}
      </p>
    );
  const isGood = status !== undefined && status < 400;
  return (
    <p class={isGood ? 'done' : 'alert'} role={isGood ? 'status' : 'alert'}>
      The service answered with status {status} after {duration(took)}.
      {!isGood && ' It may want another secret, or have nothing at this URL itself.'}
    </p>
  );
}

const Facts = ({ connection, now }: { connection: ListedConnection; now: number }) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <BreakerState connection={connection} />
    </dd>
    <dt>Leads to</dt>
    <dd>
      <bdi>{placeOf(connection)}</bdi>
    </dd>
    <dt>Secret</dt>
    <dd>
      {secretOf(connection)}
      {connection.key_id !== undefined && (
        <>
          , encrypted with the key <code>{connection.key_id}</code>
        </>
      )}
    </dd>
    <dt>Set up, changed (UTC)</dt>
    <dd>
      <Time at={connection.created_at} near={now} />, <Time at={connection.changed_at} near={now} />
    </dd>
  </dl>
);

const RotateForm = ({ path, part, problem }: { path: string; part: Rotated } & Rejected) => (
  <details class="form" open={problem !== undefined}>
    <summary>Rotate the {ROTATED[part]}</summary>
    <form method="post" action={path} class="stack" autocomplete="off">
      <Problem problem={problem} />
      <input type="hidden" name="action" value="rotate" />
      <input type="hidden" name="part" value={part} />
      <label for="secret">New {ROTATED[part]}</label>
      <input
        id="secret"
        name="secret"
        type="password"
        autocomplete="new-password"
        required
        {...invalid(problem, part)}
      />
      <p class="soft">The next request sends it; the old one is forgotten.</p>
      <button type="submit" class="first">
        Rotate
      </button>
    </form>
  </details>
);

/** The button is behind a question, which works without scripts. */
const RemoveForm = ({ path, name, problem }: { path: string; name: string } & Rejected) => (
  <details class="form" open={problem !== undefined}>
    <summary class="bad">Remove</summary>
    <form method="post" action={path} class="stack">
      <Problem problem={problem} />
      <input type="hidden" name="action" value="remove" />
      <p>Remove {name}? Tools that need it fail from now on, and its secret cannot be brought back.</p>
      <button type="submit" class="danger">
        Yes, remove it
      </button>
    </form>
  </details>
);

/** `POST /connections/:name` */
export async function connectionForm(visit: Visit, form: SentForm): Promise<Response> {
  const { c, viewer } = visit;
  const [name, owner] = [nameOf(visit), ownerOf(visit)];
  switch (form.action) {
    case 'test': {
      const tested = await attempt(() => testConnection(c, owner, name));
      return showConnection(visit, tested.ok ? { tested: tested.value } : { form, problem: tested.error });
    }
    case 'rotate': {
      const parts = Object.keys(ROTATED);
      const part = parts.find((one) => one === form.typed('part')) ?? 'secret';
      const rotated = await attempt(() =>
        rotateConnection(c, owner, name, checked(newSecret, { [part]: form.typed('secret').trim() })),
      );
      return rotated.ok
        ? done(c, viewer.session, 'The secret is replaced.')
        : showConnection(visit, { form, problem: rotated.error });
    }
    case 'remove': {
      const removed = await attempt(() => removeConnection(c, owner, name));
      return removed.ok
        ? done(c, viewer.session, `“${name}” is removed.`, `${viewer.home}/connections`)
        : showConnection(visit, { form, problem: removed.error });
    }
    default:
      return showConnection(visit, {
        form,
        problem: { field: undefined, message: 'The form is not complete.' },
      });
  }
}
