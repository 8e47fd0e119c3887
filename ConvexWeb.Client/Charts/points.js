// The points of one run in the browser. Batches carry contiguous sequence numbers; whatever is missing is fetched.

const firstAfter = (steps, step) => {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1; else high = middle;
  }
  return low;
};

export class RunPoints {
  seq = 0;
  metrics = new Map(); // metric → { steps, epochs, values }, ordered by step
  error = null;
  loaded = false; // whether what is stored has been read once
  #wanted = 0;
  #filling = null;
  #stop = new AbortController();

  /**
   * `changed(metrics, batch)` is called after each applied batch; `metrics` null means: any may have changed; `batch` null: nothing new
   * arrived just now. `only`, a list of metrics, leaves all others out; sequence numbers count them all the same.
   */
  constructor(runId, changed, only = null) {
    this.runId = runId;
    this.changed = changed;
    this.only = only;
  }

  /** A batch from the hub. */
  receive(batch) {
    if (batch.seq <= this.seq) return;
    if (batch.after > this.seq || this.#filling) this.fill(batch.seq);
    else this.#apply(batch);
  }

  /** Fetches everything after the own sequence number, at least up to `until`. Safe to call at any time, any number of times. */
  fill(until = 0) {
    this.#wanted = Math.max(this.#wanted, until);
    return this.#filling ??= this.#fetch().finally(() => { this.#filling = null; });
  }

  /** Nothing is fetched any more, and nothing told. */
  stop() {
    this.#stop.abort();
  }

  async #fetch() {
    for (let failures = 0; ;) {
      try {
        const before = this.seq;
        const batch = await this.#get(before);
        this.error = null;
        // What was stored before the page opened is history, not late: it says nothing of the delay.
        const history = !this.loaded;
        this.loaded ||= !batch.more;
        failures = 0;
        if (batch.seq > before || batch.rewind != null) this.#apply(batch, history);
        else this.changed(new Set(), null);
        // A server that answers less than it announced must not be asked in a circle.
        if (!batch.more && (this.seq >= this.#wanted || this.seq === before)) { this.#wanted = 0; return; }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.error = error;
        this.changed(new Set(), null);
        if (error.final) return;
        await new Promise(done => setTimeout(done, Math.min(10_000, 500 * 2 ** failures++)));
        if (this.#stop.signal.aborted) return;
      }
    }
  }

  async #get(after) {
    const query = new URLSearchParams([['after', after], ...(this.only ?? []).map(metric => ['metrics', metric])]);
    const response = await fetch(new URL(`api/v1/runs/${this.runId}/points?${query}`, document.baseURI), {
      credentials: 'same-origin',
      signal: this.#stop.signal,
      headers: { accept: 'application/json' },
    });
    if (response.ok) return response.json();
    const error = new Error(response.status === 404 ? 'This run no longer exists.'
      : response.status === 401 ? 'You are signed out. Reload the page to sign in again.'
      : `The server answered ${response.status}. Trying again.`);
    error.final = response.status === 404 || response.status === 401;
    throw error;
  }

  #apply(batch, history = false) {
    if (batch.rewind != null) this.#rewind(batch.rewind);
    const touched = new Set();
    for (const series of batch.series) {
      if (this.only && !this.only.includes(series.metric)) continue;
      this.#append(series);
      touched.add(series.metric);
    }
    this.seq = batch.seq;
    this.changed(batch.rewind != null ? null : touched, history ? null : batch);
  }

  #rewind(step) {
    for (const points of this.metrics.values()) {
      const length = firstAfter(points.steps, step);
      points.steps.length = points.epochs.length = points.values.length = length;
    }
  }

  #append({ metric, steps, epochs, values }) {
    let points = this.metrics.get(metric);
    if (!points) this.metrics.set(metric, points = { steps: [], epochs: [], values: [] });
    for (let i = 0; i < steps.length; i++) {
      const value = Number(values[i]); // "NaN" and "Infinity" come as words
      if (points.steps.length === 0 || steps[i] > points.steps[points.steps.length - 1]) {
        points.steps.push(steps[i]);
        points.epochs.push(epochs[i]);
        points.values.push(value);
        continue;
      }
      const at = firstAfter(points.steps, steps[i] - 1);
      const replaces = points.steps[at] === steps[i] ? 1 : 0;
      points.steps.splice(at, replaces, steps[i]);
      points.epochs.splice(at, replaces, epochs[i]);
      points.values.splice(at, replaces, value);
    }
  }
}
