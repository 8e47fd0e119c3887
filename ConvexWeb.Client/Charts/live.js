// One hub connection for the whole page, shared by everything on it that is live.
import { HubConnectionBuilder, LogLevel } from '@microsoft/signalr';

const retry = { nextRetryDelayInMilliseconds: ({ previousRetryCount }) => Math.min(10_000, 250 * 2 ** previousRetryCount) };

const build = () => new HubConnectionBuilder()
  .withUrl(new URL('hubs/live', document.baseURI).href)
  .withAutomaticReconnect(retry)
  .configureLogging(LogLevel.None)
  .build();

export class Live {
  #build;
  #connection = null;
  #starting = null;
  #watchers = new Set();
  #states = new Set();
  state = 'connecting';

  constructor(connection = build) {
    this.#build = connection;
  }

  /**
   * Watches runs until the returned function is called. `handlers`: `points(batch)`, and `joined(states)`, which is called
   * with [{ id, lastSeq }] after the first join and after every reconnect: whatever was missed lies behind `lastSeq`.
   */
  watch(ids, handlers) {
    const watcher = { ids: new Set(ids), handlers };
    this.#watchers.add(watcher);
    this.#join([watcher]);
    return () => {
      this.#watchers.delete(watcher);
      const still = this.#ids();
      const left = ids.filter(id => !still.has(id));
      if (left.length > 0) this.#send('unwatch', left);
    };
  }

  /** Calls back with 'connecting', 'live' or 'reconnecting', at once and at every change. */
  onState(callback) {
    this.#states.add(callback);
    callback(this.state);
    return () => this.#states.delete(callback);
  }

  #ids() {
    return new Set([...this.#watchers].flatMap(w => [...w.ids]));
  }

  #setState(state) {
    this.state = state;
    for (const callback of this.#states) callback(state);
  }

  #connect() {
    if (this.#starting) return this.#starting;
    const connection = this.#build();
    connection.on('points', batch => {
      for (const w of [...this.#watchers]) if (w.ids.has(batch.runId)) w.handlers.points?.(batch);
    });
    connection.onreconnecting(() => this.#setState('reconnecting'));
    connection.onreconnected(() => {
      this.#setState('live');
      this.#join([...this.#watchers]);
    });
    connection.onclose(() => {
      // The policy above never gives up, so only a start that the server refused ends here; begin afresh.
      this.#starting = null;
      this.#setState('reconnecting');
      setTimeout(() => this.#join([...this.#watchers]), 2_000);
    });
    this.#connection = connection;
    this.#starting = this.#start(connection);
    return this.#starting;
  }

  async #start(connection) {
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.start();
        this.#setState('live');
        return;
      } catch {
        this.#setState(attempt === 0 ? 'connecting' : 'reconnecting');
        await new Promise(done => setTimeout(done, retry.nextRetryDelayInMilliseconds({ previousRetryCount: attempt })));
      }
    }
  }

  async #join(wanted) {
    await this.#connect();
    const watchers = wanted.filter(w => this.#watchers.has(w)); // some may have left while the connection was being made
    try {
      const ids = [...new Set(watchers.flatMap(w => [...w.ids]))];
      const states = ids.length > 0 ? await this.#connection.invoke('watch', ids) : [];
      for (const w of watchers) {
        if (this.#watchers.has(w)) w.handlers.joined?.(states.filter(s => w.ids.has(s.id)));
      }
    } catch {
      // Lost in between: the reconnect joins again.
    }
  }

  async #send(method, ...values) {
    try {
      await this.#connection?.invoke(method, ...values);
    } catch {
      // Without a connection there is nothing to leave.
    }
  }
}

export const live = new Live();
