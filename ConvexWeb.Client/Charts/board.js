// The charts of a page: several runs, their points, and what all charts share (axis, cross-hair, theme, hidden runs, drawing).
import { Chart } from './chart.js';
import { RunPoints } from './points.js';
import * as address from './address.js';
import { choice, choices, el, tool } from './dom.js';
import { kinds } from './kinds.js';
import { live } from './live.js';
import { More } from './more.js';

const interval = 66; // ms between drawings: smooth, and most of the time is left to the page
let boards = 0;

// What a browser test computes the latency from: one entry for each batch that has been drawn.
const latency = (window.convexLatency ??= []);

export class Board {
  sync = `board-${++boards}`;
  #stores = new Map();
  #charts = [];
  #dirty = new Set(); // metrics; null in it means all
  #fresh = []; // batches that are applied and not drawn
  #frame = 0;
  #last = 0;
  #undo = [];

  /**
   * `others`: whether further metrics can be chosen. `metrics`, for many runs: the names to choose from, of which only the points of
   * what is charted are loaded.
   */
  constructor(host, { runs, charts, others, metrics }) {
    this.runs = runs;
    this.host = host;
    // As the address has it, which is what a reload or a sent link shows.
    this.axis = address.list('axis').includes('steps') ? 'steps' : 'epochs';
    const [min, max] = address.list('zoom').map(Number);
    this.zoom = Number.isFinite(min) && max > min ? { min, max } : null; // the part of the x axis that is shown; null: all
    this.hidden = new Set(runs.length < 2 ? [] : address.list('hide').map(Number).filter(id => runs.some(run => run.id === id)));
    this.setRests(runs);
    this.more = others ? new More(this) : null;
    this.more?.learn(metrics ?? []);
    if (!others || metrics) {
      this.#only = [...charts.flatMap(name => kinds[name].lines.map(line => line.metric)), ...this.more?.wanted ?? []];
    }
    for (const run of runs) this.#stores.set(run.id, this.#store(run));
    this.#build(charts);
    this.#undo.push(live.onState(state => this.#status(state)));
    this.#undo.push(live.watch(runs.map(r => r.id), {
      points: batch => this.#stores.get(batch.runId).receive(batch),
      joined: states => {
        for (const { id, lastSeq } of states) {
          const store = this.#stores.get(id);
          if (lastSeq > store.seq) store.fill(lastSeq);
        }
      },
    }));
    const themes = new MutationObserver(() => this.#all(chart => chart.restyle()));
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.#undo.push(() => themes.disconnect());
    // The stored points do not wait for the hub.
    for (const store of this.#stores.values()) store.fill();
    for (const id of this.hidden) this.#all(chart => chart.setShown(runs.find(run => run.id === id), false));
  }

  /** What the runs do that have no further points for now: "finished" or "paused". One that is queued again does nothing of it. */
  setRests(runs) {
    this.#rests = new Map(runs.map(({ id, rest }) => [id, rest]));
    if (!this.light) return; // the charts are not there yet
    this.#status(live.state);
    this.#changed(null, null); // an empty chart says whether something may come
  }

  /** The one word for all of them, when no run here goes on. */
  get rest() {
    const rests = [...this.#rests.values()];
    return !rests.every(Boolean) ? null : rests.includes('paused') ? 'paused' : 'finished';
  }

  points(run, metric) {
    return this.#stores.get(run.id).metrics.get(metric);
  }

  /** Whether all that is stored has been read: only then "no points" is true. */
  get loaded() {
    return this.#coming.size === 0 && [...this.#stores.values()].every(store => store.loaded);
  }

  /**
   * Points of these metrics are to be there: where others were left out, they are read anew with these, and come in the place of what is
   * shown.
   */
  want(metrics) {
    const missing = metrics.filter(metric => !this.#only?.includes(metric));
    if (!this.#only || missing.length === 0) return;
    const only = this.#only = [...this.#only, ...missing];
    for (const store of this.#coming) store.stop();
    this.#coming.clear();
    for (const run of this.runs) {
      const fresh = this.#store(run);
      this.#coming.add(fresh);
      fresh.fill(this.#stores.get(run.id).seq).then(() => {
        if (this.#gone || this.#only !== only || !fresh.loaded) return; // meanwhile more was wanted, or the run has gone
        this.#coming.delete(fresh);
        const { seq } = this.#stores.get(run.id);
        this.#stores.set(run.id, fresh);
        if (seq > fresh.seq) fresh.fill(seq); // a live batch came after the last answer, and the run may send no other
        this.#changed(null, null);
      });
    }
  }

  toggle(run) {
    if (!this.hidden.delete(run.id)) this.hidden.add(run.id);
    address.mark('hide', run.id, this.hidden.has(run.id));
    this.#all(chart => chart.setShown(run, !this.hidden.has(run.id)));
  }

  /** Shows a part of the x axis in every chart, or with null all of it. */
  setZoom(range) {
    this.zoom = range;
    address.write('zoom', range ? [range.min, range.max].map(value => String(Number(value.toPrecision(9)))) : []);
    this.#all(chart => chart.zoom());
  }

  // By the first chart that has something to zoom.
  #zoomBy(factor) {
    this.#charts.find(chart => chart.extent)?.zoomBy(factor);
  }

  dispose() {
    this.#gone = true; // points that are under way change nothing: another page may have the address
    for (const store of [...this.#stores.values(), ...this.#coming]) store.stop();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#later);
    for (const undo of this.#undo) undo();
    this.#only = null;
    this.#all(chart => chart.dispose());
    this.host.replaceChildren();
  }

  #gone = false;
  #coming = new Set(); // points that are read again, with more metrics than those that are shown
  #rests = new Map();
  #later = 0;
  #settled = false;
  #only = null; // the metrics whose points are loaded; null: all

  #all(action) {
    this.#charts.forEach(action);
    this.more?.charts.forEach(action);
  }

  #store(run) {
    return new RunPoints(run.id, (metrics, batch) => this.#changed(metrics, batch), this.#only);
  }

  #build(charts) {
    // Only the word is announced, not the delay, which changes with every batch.
    this.word = el('span', { role: 'status' }, 'connecting…');
    this.lag = el('span', { class: 'lag' });
    this.light = el('span', { class: 'live', 'data-live': 'connecting' }, this.word, this.lag);
    const axes = ['epochs', 'steps'].map(axis => choice(axis, axis === this.axis, () => this.#setAxis(axis)));
    this.axisButtons = axes;
    this.problem = el('p', { class: 'mud-alert mud-alert-text-error', role: 'alert', hidden: true });
    this.#charts = charts.map(name => new Chart(this, kinds[name]));
    this.grid = el('div', { class: charts.length === 3 ? 'charts-grid lead' : 'charts-grid' }, ...this.#charts.map(c => c.element));
    this.host.replaceChildren(...[
      el('div', { class: 'charts-bar' }, this.light,
        el('span', { class: 'hint' }, 'drag or + − to zoom, double click or 0 for all'),
        el('div', { class: 'tools', role: 'group', 'aria-label': 'Zoom' },
          tool('closer', 'Zoom in', () => this.#zoomBy(0.5)), tool('wider', 'Zoom out', () => this.#zoomBy(2)),
          tool('all', 'Show all', () => this.setZoom(null))),
        choices('x axis', ...axes)),
      this.problem, this.grid, this.more?.element].filter(Boolean));
  }

  #setAxis(axis) {
    this.axis = axis;
    address.mark('axis', 'steps', axis === 'steps');
    if (this.zoom) this.setZoom(null); // a part of the other axis
    for (const button of this.axisButtons) button.setAttribute('aria-pressed', String(button.textContent === axis));
    this.#all(chart => chart.restyle());
  }

  #changed(metrics, batch) {
    if (this.#gone) return;
    if (metrics === null) this.#dirty.add(null);
    else for (const metric of metrics) this.#dirty.add(metric);
    if (batch) this.#fresh.push(batch);
    this.#schedule();
  }

  // Many batches become one drawing, in the browser's own rhythm and not more often than the interval.
  #schedule() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(now => {
      this.#frame = 0;
      const wait = this.#last + interval - now;
      if (wait > 0) {
        clearTimeout(this.#later);
        this.#later = setTimeout(() => this.#schedule(), wait);
        return;
      }
      this.#last = now;
      this.#draw();
    });
  }

  #draw() {
    const dirty = this.#dirty.has(null) ? null : this.#dirty;
    this.#dirty = new Set();
    this.#learn();
    // At the first drawing after everything is read, each chart learns whether it stays empty.
    const settled = this.loaded && !this.#settled;
    this.#settled ||= settled;
    this.#all(chart => { if (settled || chart.concerns(dirty)) chart.draw(); });
    if (settled) this.#checkZoom();
    this.#record(Date.now());
    const error = [...this.#stores.values(), ...this.#coming].find(store => store.error)?.error;
    this.problem.hidden = !error;
    if (error) this.problem.textContent = `Points could not be loaded. ${error.message}`;
  }

  // An address may name a part where there is nothing, or what is no part.
  #checkZoom() {
    const extents = this.#charts.map(chart => chart.extent).filter(Boolean);
    if (extents.length === 0 || address.list('zoom').length === 0) return;
    if (!extents.some(({ min, max }) => this.zoom && this.zoom.min < max && this.zoom.max > min)) this.setZoom(null);
  }

  #record(drawn) {
    for (const batch of this.#fresh) {
      const step = Math.max(0, ...batch.series.map(s => s.steps.at(-1) ?? 0));
      latency.push({ runId: batch.runId, step, at: batch.at ?? null, drawn });
      if (batch.at) this.delay = Math.max(0, drawn - Date.parse(batch.at));
    }
    if (latency.length > 5_000) latency.splice(0, latency.length - 5_000);
    this.#fresh = [];
    this.#status(live.state);
  }

  #status(state) {
    const { rest } = this;
    const word = rest ?? (state === 'live' ? 'live' : `${state}…`);
    const lag = !rest && state === 'live' && this.delay != null && this.delay < 60_000 ? ` · ${(this.delay / 1000).toFixed(1)} s` : '';
    this.light.dataset.live = rest ?? state;
    if (this.word.textContent !== word) this.word.textContent = word;
    if (this.lag.textContent !== lag) this.lag.textContent = lag;
  }

  // Also names whose points are left out.
  #learn() {
    if (!this.more) return;
    for (const store of this.#stores.values()) this.more.learn(store.metrics.keys());
    for (const batch of this.#fresh) this.more.learn(batch.series.map(series => series.metric));
  }
}
