/**
 * The script of the console. Nothing depends on it: it adds the local time to each time, keys to what links can do, and what changes
 * while somebody looks (`live-script.ts`).
 */
import { LIVE } from './live-script.ts';

export const SCRIPT = `'use strict';
const localTimes = (root) => {
  for (const time of root.querySelectorAll('time[datetime]'))
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
};
localTimes(document);
const refresh = document.querySelector('[data-refresh]');
if (refresh !== null) {
  setInterval(() => {
    // What somebody types or has chosen with the keyboard must not be lost.
    if (!document.hidden && document.activeElement === document.body) location.reload();
  }, refresh.dataset.refresh * 1000);
}
document.querySelector('header [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = 'Copied';
  });
}
const move = (by) => {
  const rows = [...document.querySelectorAll('[data-row]')];
  const at = rows.indexOf(document.activeElement);
  const next = at === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
};
const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  p: () => document.querySelector('.live button')?.click(),
  '/': () => document.querySelector('form.filters :is(input, select)')?.focus(),
  '?': () => {
    const keys = document.querySelector('details.keys');
    if (keys === null) return;
    keys.open = !keys.open;
    if (keys.open) keys.scrollIntoView({ block: 'nearest' });
  },
};
document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, select, textarea') !== null;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});
${LIVE}`;
