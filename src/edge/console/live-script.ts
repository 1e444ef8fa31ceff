/**
 * The part of the script that keeps a page up to date. Its stream is read with `fetch`, which, other than `EventSource`, shows the status of
 * an answer: a page whose session is over must be loaded again, and one whose server is away is tried again, each time later.
 *
 * - A page that nobody sees has no stream: it is closed when the tab is hidden, and resumes after the last event.
 * - Rows come as HTML of this server, which is parsed without running anything; a page is drawn again node by node, so that the focus,
 *   opened parts and what was typed stay.
 * - Numbers that depend on the clock alone are counted here, without a request.
 */

/** Rows that a page of calls has at most, and that are held while it is paused. */
export const MAX_ROWS = 200;
/** A page is asked for again at most this often, in milliseconds. */
const REDRAW_MS = 3000;
/** The longest wait before a stream is opened again, in milliseconds. */
const MAX_WAIT_MS = 30_000;

export const LIVE = `
const mark = document.querySelector('[data-live]');
if (mark !== null) {
  const { live: kind } = mark.dataset;
  let { after } = mark.dataset;
  const [state, pause] = mark.children;
  const policy = self.trustedTypes?.createPolicy('console', { createHTML: (html) => html });
  const parse = (html) => new DOMParser().parseFromString(policy?.createHTML(html) ?? html, 'text/html');
  const running = kind === 'clock' ? 'Refilling' : 'Live';
  let isPaused = false;
  let held = [];
  let heldCount = 0;
  const show = (name) => {
    mark.hidden = false;
    mark.classList.toggle('on', name === running);
    if (state.textContent !== name) state.textContent = name;
    const news = kind === 'rows' ? heldCount.toLocaleString('en') + ' new' : 'changes';
    pause.textContent = !isPaused ? 'Pause' : heldCount > 0 ? 'Show ' + news : 'Resume';
  };

  let hasLeft = false;
  // Once: a second load of the page finds no session any more, and would not say that it has ended.
  const leave = () => {
    if (hasLeft) return;
    hasLeft = true;
    location.reload();
  };
  const addRows = (rows) => {
    if (isPaused) {
      heldCount += rows.length;
      held = [...rows, ...held].slice(0, ${MAX_ROWS});
      return show('Paused');
    }
    const table = document.querySelector('table.calls');
    const [body] = table.tBodies;
    body.prepend(...rows);
    table.hidden = false;
    document.querySelector('.empty')?.remove();
    if (body.rows.length <= ${MAX_ROWS}) return;
    while (body.rows.length > ${MAX_ROWS}) body.lastElementChild.remove();
    const older = document.querySelector('.older a');
    if (older === null) return;
    older.href = location.href;
    older.textContent = 'Reload for older calls';
  };

  const keyOf = (node) => node.dataset?.key ?? (node.id || undefined);
  const flash = (node) => {
    node.classList.remove('flash');
    void node.offsetWidth;
    node.classList.add('flash');
  };
  const redraw = (old, fresh) => {
    if (old.nodeName !== fresh.nodeName || old.nodeType !== 1) {
      if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
      return;
    }
    const hasNews = old.dataset.flash !== fresh.dataset.flash;
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && name !== 'open' && name !== 'class') old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (hasNews) flash(old);
    const known = new Map([...old.children].flatMap((node) => (keyOf(node) === undefined ? [] : [[keyOf(node), node]])));
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const same = keyOf(next) === undefined ? (at !== null && keyOf(at) === undefined ? at : undefined) : known.get(keyOf(next));
      if (same === undefined) {
        old.insertBefore(next, at);
        if (next.dataset?.flash !== undefined) flash(next);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      if (same !== mark) redraw(same, next);
    }
    while (at !== null) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  let began = performance.now();
  let isResting = false;
  let isStale = false;
  const draw = async () => {
    isStale = true;
    if (isPaused) {
      heldCount = 1;
      return show('Paused');
    }
    if (isResting) return;
    isResting = true;
    isStale = false;
    setTimeout(() => {
      isResting = false;
      if (isStale && !document.hidden) draw();
    }, ${REDRAW_MS});
    const response = await fetch(location.href).catch(() => undefined);
    if (response?.status === 401) return leave();
    isStale ||= response === undefined || response.status === 429 || response.status === 503;
    const main = response?.ok && parse(await response.text()).querySelector('main');
    if (!main) return;
    began = performance.now();
    redraw(document.querySelector('main'), main);
    localTimes(document);
  };

  const UNITS = [['d', 864e5], ['h', 36e5], ['min', 6e4]];
  const lengthOf = (ms) => {
    const unit = UNITS.find(([, size]) => ms >= 2 * size);
    return unit ? Math.round(ms / unit[1]) + ' ' + unit[0] : (ms / 1000).toFixed(ms < 1e4 ? 1 : 0) + ' s';
  };
  const tick = () => {
    if (isPaused || document.hidden) return;
    const seconds = (performance.now() - began) / 1000;
    for (const span of document.querySelectorAll('[data-left]'))
      span.textContent = ' ' + lengthOf(Math.max(0, span.dataset.left - seconds) * 1000);
    for (const row of document.querySelectorAll('[data-rate]')) {
      const { rate, level, most } = row.dataset;
      const now = Math.min(+most, +level + rate * seconds);
      row.querySelector('rect:last-child').setAttribute('width', (now / most) * 100);
      row.querySelector('.d-rate').textContent = Math.floor(now).toLocaleString('en') + ' of ' + (+most).toLocaleString('en');
      row.querySelector('.d-saved').textContent = now < most ? lengthOf(((most - now) / rate) * 1000) : 'full';
    }
  };

  const receive = ({ event, id, data }) => {
    if (event === 'end') return leave();
    if (event === 'rows') {
      const { body } = parse('<table>' + JSON.parse(data) + '</table>');
      localTimes(body);
      addRows([...body.querySelectorAll('tr')]);
    }
    if (event === 'tiles' && !isPaused) document.querySelector('.tiles').replaceWith(parse(JSON.parse(data)).querySelector('.tiles'));
    if (event === 'changed') draw();
    if (id !== undefined) after = id;
  };
  let open;
  let retry;
  let waitMs = 0;
  let hasOpened = false;
  const listen = async () => {
    const { signal } = (open = new AbortController());
    let openedAt;
    try {
      const headers = { accept: 'text/event-stream', ...(after && { 'last-event-id': after }) };
      const response = await fetch(location.href, { headers, signal });
      if (response.status === 401 || (response.status === 403 && hasOpened)) return leave();
      if (!response.ok) throw response;
      hasOpened = true;
      show(isPaused ? 'Paused' : running);
      openedAt = performance.now();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw response;
        if (performance.now() - openedAt > 5000) waitMs = 0;
        const frames = (text + value).split('\\n\\n');
        text = frames.pop();
        for (const frame of frames) receive(Object.fromEntries(frame.split('\\n').map((line) => line.split(/: (.*)/))));
      }
    } catch {
      if (signal.aborted || hasLeft) return;
      if (waitMs > 0) show('Connecting…');
      retry = setTimeout(listen, waitMs * (0.5 + Math.random()));
      waitMs = Math.min(${MAX_WAIT_MS}, Math.max(1000, 2 * waitMs));
    }
  };
  const follow = () => {
    clearTimeout(retry);
    open?.abort();
    if (document.hidden) return;
    waitMs = 0;
    listen();
    if (isStale) draw();
  };

  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    const rows = held;
    held = [];
    heldCount = 0;
    show(isPaused ? 'Paused' : running);
    if (isPaused) return;
    if (kind === 'rows') addRows(rows);
    else if (isStale) draw();
  });
  setInterval(tick, 1000);
  if (kind === 'clock') show(running);
  else {
    document.addEventListener('visibilitychange', follow);
    follow();
  }
}
`;
