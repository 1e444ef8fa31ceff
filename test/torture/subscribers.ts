import { INITIALIZE } from '../bench/requests.ts';
import { Agent } from './rig.ts';

/** Many clients with a session and an open stream each, in a process of their own. */

export interface SubscribersTask {
  readonly origin: string;
  readonly token: string;
  readonly count: number;
  /** The cell that all subscribe to. */
  readonly uri: string;
}

export interface SubscribersReport {
  readonly open: number;
  /** Notifications that came, since the last report. */
  readonly received: number;
}

const AT_ONCE = 16;
let open = 0;
let received = 0;

async function subscribe({ origin, token, uri }: SubscribersTask): Promise<void> {
  const url = `${origin}/mcp`;
  const headers = new Agent(origin, token).headers();
  const opened = await fetch(url, { method: 'POST', headers, body: INITIALIZE });
  await opened.text();
  const session = opened.headers.get('mcp-session-id');
  if (session === null) return;
  const inSession = { ...headers, 'mcp-session-id': session };
  const send = async (message: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const response = await fetch(url, { method: 'POST', headers: inSession, body });
    return response.text();
  };
  await send({ method: 'notifications/initialized' });
  const subscribed = await send({ id: 1, method: 'resources/subscribe', params: { uri } });
  const stream = await fetch(url, { headers: { ...inSession, accept: 'text/event-stream' } });
  if (!stream.ok || stream.body === null || !subscribed.includes('"result"')) return;
  open++;
  void listen(stream.body);
}

async function listen(body: ReadableStream<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const events = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n\n');
    rest = events.pop() ?? '';
    received += events.filter((event) => event.includes('notifications/resources/updated')).length;
  }
  open--;
}

async function serve(task: SubscribersTask): Promise<void> {
  let begun = 0;
  const openSome = async () => {
    while (begun < task.count) {
      begun++;
      await subscribe(task);
    }
  };
  const opened = Promise.all(Array.from({ length: AT_ONCE }, openSome));
  process.on('message', async () => {
    await opened;
    const report: SubscribersReport = { open, received };
    received = 0;
    process.send?.(report);
  });
}

process.once('message', (task: SubscribersTask) => void serve(task));
