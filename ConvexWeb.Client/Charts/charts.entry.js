// What Blazor calls. Points never pass through it: it mounts a board, which gets them by itself.
import { Board } from './board.js';
import { Curves } from './curves.js';

export const mount = (host, options) => new Board(host, options);

/** The curves of a certificate: all that they show comes with the call. */
export const mountCurves = (host, options) => new Curves(host, options);
