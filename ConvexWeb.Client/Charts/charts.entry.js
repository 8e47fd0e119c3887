// What Blazor calls. Points never pass through it: it mounts a board, which gets them by itself.
import { Board } from './board.js';
import { Curves } from './curves.js';
import { useIcons } from './dom.js';

export function mount(host, options) {
  useIcons(options.icons);
  return new Board(host, options);
}

/** The curves of a certificate: all that they show comes with the call. */
export function mountCurves(host, options) {
  useIcons(options.icons);
  return new Curves(host, options);
}
