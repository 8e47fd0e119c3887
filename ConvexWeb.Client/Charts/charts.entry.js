// What Blazor calls. Points never pass through it: it mounts a board and hears, at most twice a second, which rows have changed.
import { Board } from './board.js';
import { Curves } from './curves.js';
import { live } from './live.js';

export const mount = (host, options) => new Board(host, options);

/** The curves of a certificate: all that they show comes with the call. */
export const mountCurves = (host, options) => new Curves(host, options);

/** Tells `page.Changed(ids)` which runs have a new row; an empty list means: anything may have changed. `ids` null watches all runs. */
export function watchRows(ids, page) {
  const changed = new Set();
  let joined = false, timer = 0, ended = false;
  const tell = () => {
    timer ||= setTimeout(async () => {
      timer = 0;
      const list = [...changed];
      changed.clear();
      if (!ended) await page.invokeMethodAsync('Changed', list.includes(0) ? [] : list).catch(() => {});
    }, 400);
  };
  const handlers = {
    run: row => { changed.add(row.id); tell(); },
    joined: () => {
      if (joined) { changed.add(0); tell(); }
      joined = true;
    },
  };
  const stop = ids ? live.watch(ids, handlers) : live.watchTable(handlers);
  return { dispose: () => { ended = true; clearTimeout(timer); stop(); } };
}
