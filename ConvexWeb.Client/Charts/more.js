// "More metrics": a chart for each further metric that somebody ticks. What is ticked is in the address.
import * as address from './address.js';
import { Chart } from './chart.js';
import { el } from './dom.js';
import { grouped } from './metrics.js';

export class More {
  charts = new Map(); // key → chart, of what is ticked and there
  #metrics = new Set();
  #groups = [];
  #boxes = new Map();
  #ticked = new Set(address.list('more'));

  /** `board` as a chart has it, and `want(metrics)`, which is told of what is ticked. */
  constructor(board) {
    this.board = board;
    this.count = el('span', { class: 'muted' });
    this.choices = el('div', { class: 'metric-choices' });
    this.grid = el('div', { class: 'charts-grid' });
    this.element = el('details', { class: 'charts-more', hidden: true, open: this.#ticked.size > 0 },
      el('summary', {}, 'More metrics', this.count), this.choices, this.grid);
  }

  /** Names of metrics that there are, old and new. */
  learn(metrics) {
    const before = this.#metrics.size;
    for (const metric of metrics) this.#metrics.add(metric);
    if (this.#metrics.size === before) return;
    this.#groups = grouped(this.#metrics);
    this.#list();
    this.#show();
  }

  get #shown() {
    return this.#groups.flatMap(group => group.items).filter(item => this.#ticked.has(item.key));
  }

  /** The metrics of what is ticked and there. */
  get wanted() {
    return this.#shown.flatMap(item => item.kind.lines.map(line => line.metric));
  }

  #list() {
    const number = this.#groups.reduce((sum, group) => sum + group.items.length, 0);
    const focused = document.activeElement;
    this.element.hidden = number === 0;
    this.count.textContent = ` ${number} to choose from`;
    this.choices.replaceChildren(...this.#groups.map(({ title, items }) =>
      el('fieldset', {}, el('legend', {}, title), ...items.map(item => this.#box(item)))));
    if (this.choices.contains(focused)) focused.focus(); // it was taken out and put back
  }

  #box({ key, kind }) {
    if (!this.#boxes.has(key)) {
      const box = el('input', {
        type: 'checkbox', class: 'check', checked: this.#ticked.has(key), onchange: () => this.#tick(key, box.checked),
      });
      this.#boxes.set(key, el('label', {}, box, el('span', {}, kind.title)));
    }
    return this.#boxes.get(key);
  }

  #tick(key, on) {
    if (on) this.#ticked.add(key); else this.#ticked.delete(key);
    address.write('more', [...this.#ticked]);
    this.#show();
  }

  #show() {
    const shown = this.#shown;
    const keys = new Set(shown.map(item => item.key));
    const before = [...this.charts.keys()].join();
    for (const [key, chart] of this.charts) {
      if (keys.has(key)) continue;
      chart.dispose();
      this.charts.delete(key);
    }
    // In the order of the list, whichever was ticked first.
    this.charts = new Map(shown.map(({ key, kind }) => [key, this.charts.get(key) ?? this.#chart(kind)]));
    if ([...this.charts.keys()].join() === before) return;
    this.grid.replaceChildren(...[...this.charts.values()].map(chart => chart.element));
    this.board.want(this.wanted);
  }

  #chart(kind) {
    const chart = new Chart(this.board, kind);
    for (const run of this.board.runs) if (this.board.hidden.has(run.id)) chart.setShown(run, false);
    return chart;
  }
}
