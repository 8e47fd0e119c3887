// One chart: uPlot, its toolbar, the legend with the values at the cursor, the table view and the exports.
import uPlot from 'uplot';
import { el, tool, token } from './dom.js';
import * as address from './address.js';
import { align, csv, download } from './table.js';
import { format, tick } from './kinds.js';

const height = 260;
const dash = [6, 4];
// Epochs and steps are counted: there is nothing between two of them to read a value at.
const whole = [1, 2, 5].flatMap(n => [...Array(9).keys()].map(power => n * 10 ** power)).sort((a, b) => a - b);
let serial = 0;

export class Chart {
  #plot = null;
  #data = [[]];
  #columns = [];
  #seen = false;
  #stale = true;
  #said = -Infinity;
  #index = null;

  /** `board` gives runs, points(run, metric), axis and the sync key. */
  constructor(board, kind) {
    this.board = board;
    this.kind = kind;
    this.#log = kind.log === true && address.list('log').includes(word(kind));
    this.#tabled = address.list('table').includes(word(kind));
    this.id = `chart-${++serial}`;
    this.#build();
    this.#resizes = new ResizeObserver(() => this.#resize());
    this.#resizes.observe(this.host);
    this.#sights = new IntersectionObserver(entries => {
      this.#seen = entries.at(-1).isIntersecting;
      if (this.#seen && this.#stale) this.draw();
    }, { rootMargin: '200px' });
    this.#sights.observe(this.element);
  }

  #log;
  #tabled;
  #resizes;
  #sights;

  #build() {
    const { kind } = this;
    this.host = el('div', {
      class: 'plot', tabindex: 0, role: 'group',
      'aria-label': `${kind.title}: left and right keys move the cursor, plus and minus zoom, 0 shows all`,
      onkeydown: e => this.#key(e),
    });
    this.empty = el('p', { class: 'plot-empty waiting' });
    this.legend = el('div', { class: this.board.runs.length > 1 ? 'legend many-runs' : 'legend' });
    this.said = el('p', { class: 'visually-hidden', 'aria-live': 'off' });
    this.table = el('div', {
      class: 'points-table', hidden: !this.#tabled, tabindex: 0, role: 'region', 'aria-label': `${kind.title} as a table`,
    });
    this.logButton = kind.log
      ? tool('log', 'Logarithmic y axis', () => this.#toggleLog(), { 'aria-pressed': String(this.#log), 'data-key': 'l' })
      : null;
    this.tableButton = tool('table', 'View as table', () => this.#toggleTable(), { 'aria-pressed': String(this.#tabled) });
    this.element = el('section', { class: 'mud-paper mud-paper-outlined chart', 'aria-labelledby': this.id, 'data-chart': kind.title },
      el('header', {},
        el('h2', { id: this.id }, kind.title, kind.unit ? el('span', { class: 'unit' }, ` ${kind.unit}`) : null),
        el('div', { class: 'tools' }, this.logButton, this.tableButton,
          tool('csv', 'Download CSV', () => download(this.#file('csv'), csv(this.#columns), 'text/csv')),
          tool('png', 'Download PNG', () => this.#png()))),
      el('div', { class: 'plot-frame' }, this.host, this.empty), this.table, this.legend, this.said);
    this.#buildLegend();
  }

  #buildLegend() {
    const { board, kind } = this;
    this.entries = board.runs.map(run => {
      const values = kind.lines.map(() => el('b', {}, '–'));
      const entry = el('button', {
        type: 'button', class: 'legend-entry', 'aria-pressed': 'true', title: board.runs.length > 1 ? `${run.name}: show or hide` : null,
        disabled: board.runs.length === 1, onclick: () => board.toggle(run),
      }, board.runs.length > 1 ? el('span', { class: 'legend-name' }, swatch(run.color, false), run.name) : null,
      ...kind.lines.map((line, i) => el('span', { class: 'legend-value' },
        board.runs.length === 1 ? swatch(run.color, line.dashed) : null,
        kind.lines.length > 1 || board.runs.length === 1 ? `${line.label} ` : '', values[i])));
      return { run, entry, values };
    });
    this.position = el('span', { class: 'legend-x' }, ' ');
    this.legend.replaceChildren(this.position, ...this.entries.map(e => e.entry));
  }

  /** Whether points of these metrics are drawn here; null means any. */
  concerns(metrics) {
    return metrics === null || this.kind.lines.some(line => metrics.has(line.metric));
  }

  /** Draws what the board has now; a chart out of sight waits until it is seen. */
  draw() {
    if (!this.#seen) { this.#stale = true; return false; }
    this.#stale = false;
    const { board, kind } = this;
    this.#columns = board.runs.flatMap(run => kind.lines.map(line => ({ run, line, points: board.points(run, line.metric) })));
    const { x, values } = align(this.#columns, board.axis, this.#log);
    this.#data = [x, ...values];
    this.empty.hidden = x.length > 0;
    this.host.classList.toggle('blank', x.length === 0);
    this.empty.classList.toggle('waiting', !board.loaded);
    this.empty.textContent = !board.loaded ? '' : board.rest === 'finished' ? 'No points.' : 'No points yet.';
    if (!this.#plot) this.#create();
    else this.#plot.setData(this.#data, !board.zoom);
    if (board.zoom) this.#plot.setScale('x', board.zoom);
    this.#readout();
    this.#describe();
    if (this.#tabled) this.#fillTable();
    return true;
  }

  /** The first and the last x; null while there is nothing to choose a part of. */
  get extent() {
    const [x] = this.#data;
    return x.length > 1 ? { min: x[0], max: x.at(-1) } : null;
  }

  /** Shows the part of the x axis that the board has chosen, or all of it. */
  zoom() {
    if (this.#plot && this.extent) this.#plot.setScale('x', this.board.zoom ?? this.extent);
  }

  /**
   * Zooms every chart by a factor (0.5 is closer, 2 is wider, Infinity shows all), around this one's cursor or else its middle; never
   * closer than from one point to the next.
   */
  zoomBy(factor) {
    const { extent } = this;
    if (!this.#plot || !extent) return;
    const [x] = this.#data;
    const { min, max } = this.#plot.scales.x;
    const half = Math.max((max - min) * factor, (extent.max - extent.min) / (x.length - 1)) / 2;
    const middle = this.#index == null ? (min + max) / 2 : Math.min(max, Math.max(min, x[this.#index]));
    const [from, to] = [Math.max(extent.min, middle - half), Math.min(extent.max, middle + half)];
    this.board.setZoom(from > extent.min || to < extent.max ? { min: from, max: to } : null);
  }

  /** Draws everything again, after a change of theme, axis or scale. */
  restyle() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.#seen) this.draw(); else this.#stale = true;
  }

  setShown(run, on) {
    const entry = this.entries.find(e => e.run === run);
    entry?.entry.setAttribute('aria-pressed', String(on));
    this.#columns.forEach((column, i) => {
      if (column.run === run) this.#plot?.setSeries(i + 1, { show: on }, false);
    });
  }

  dispose() {
    this.#resizes.disconnect();
    this.#sights.disconnect();
    this.#plot?.destroy();
    this.element.remove();
  }

  #create() {
    const { board, kind } = this;
    const grid = { stroke: token('grid'), width: 1 };
    const axis = { stroke: token('muted'), font: '12px "Inter Variable", system-ui, sans-serif', grid, ticks: { ...grid, size: 4 } };
    this.#plot = new uPlot({
      width: Math.max(this.host.clientWidth, 100),
      height,
      legend: { show: false },
      padding: [8, 20, 0, 0],
      cursor: {
        // What is chosen by drawing goes by way of the board, which the keys and the address use too.
        sync: { key: board.sync, setSeries: false, filters: { pub: type => type.startsWith('mousemove') || type === 'mouseleave' } },
        drag: { x: true, y: false, dist: 4, setScale: false },
        bind: { dblclick: () => () => board.setZoom(null) },
        points: { size: 7, fill: (_, i) => this.#columns[i - 1].run.color, stroke: token('raised'), width: 1.5 },
        focus: { prox: -1 },
      },
      scales: {
        x: { time: false, range: (_, min, max) => (min == null ? [0, 1] : min === max ? [min - 0.5, max + 0.5] : [min, max]) },
        y: this.#log ? { distr: 3, log: 10 } : {
          range: {
            min: { pad: 0.06, ...(kind.zero ? { soft: 0, mode: 1 } : {}) },
            max: { pad: 0.06, ...(kind.zero ? { soft: 0, mode: 1 } : {}) },
          },
        },
      },
      axes: [
        { ...axis, space: 60, size: 28, gap: 4, incrs: whole, values: (_, ticks) => ticks.map(tick) },
        { ...axis, size: 56, gap: 6, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{}, ...this.#columns.map(({ run, line }) => ({
        label: `${run.name} ${line.label}`,
        stroke: run.color,
        width: 2,
        dash: line.dashed ? dash : undefined,
        show: !board.hidden.has(run.id),
        points: { show: (plot, i) => board.runs.length < 3 && few(plot.data[i]), size: 5, fill: token('raised') },
      }))],
      hooks: {
        drawAxes: [plot => kind.band && this.#drawGap(plot)],
        setSelect: [plot => this.#select(plot)],
        setCursor: [plot => { this.#index = plot.cursor.idx ?? null; this.#readout(); }],
      },
    }, this.#data, this.host);
    this.canvas = this.host.querySelector('canvas');
    this.canvas.setAttribute('role', 'img');
    this.#said = -Infinity;
  }

  // Filled by hand and not with uPlot's bands, which fill in one direction only: the test line may lie above the train line.
  #drawGap(plot) {
    const { ctx } = plot;
    const [x] = this.#data;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    // Many fills on one another would become a wall.
    ctx.globalAlpha = Math.min(0.12, 0.6 / this.board.runs.length);
    for (let c = 0; c < this.#columns.length; c += 2) {
      if (this.board.hidden.has(this.#columns[c].run.id)) continue;
      const train = this.#data[c + 1], test = this.#data[c + 2];
      let run = [];
      const fill = () => {
        if (run.length > 1) {
          ctx.fillStyle = this.#columns[c].run.color;
          ctx.beginPath();
          for (const i of run) ctx.lineTo(plot.valToPos(x[i], 'x', true), plot.valToPos(train[i], 'y', true));
          for (const i of run.toReversed()) ctx.lineTo(plot.valToPos(x[i], 'x', true), plot.valToPos(test[i], 'y', true));
          ctx.fill();
        }
        run = [];
      };
      for (let i = 0; i < x.length; i++) {
        if (train[i] === null || test[i] === null) fill();
        else if (train[i] !== undefined && test[i] !== undefined) run.push(i);
      }
      fill();
    }
    ctx.restore();
  }

  #readout() {
    const [x, ...values] = this.#data;
    const at = this.#index != null && this.#index < x.length ? this.#index : null;
    const where = at == null ? 'latest' : `${this.board.axis === 'epochs' ? 'epoch' : 'step'} ${Number(x[at].toFixed(3))}`;
    if (this.position.textContent !== where) this.position.textContent = where;
    const { lines, digits } = this.kind;
    this.entries.forEach((entry, r) => entry.values.forEach((output, l) => {
      const text = format(nearest(values[r * lines.length + l] ?? [], at), digits);
      if (output.textContent !== text) output.textContent = text;
    }));
  }

  // A screen reader gets the summary when it comes to the picture; it is not announced, so it may lag by two seconds.
  #describe() {
    const now = performance.now();
    if (!this.canvas || now - this.#said < 2_000) return;
    this.#said = now;
    const { kind, board } = this;
    const parts = this.#columns.slice(0, 12).map(({ run, line, points }) => {
      if (!points?.values.length) return `${run.name} ${line.label}: no points`;
      const finite = points.values.filter(Number.isFinite);
      const [low, high] = finite.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
      return `${run.name} ${line.label}: now ${format(points.values.at(-1), kind.digits)} at epoch ${format(points.epochs.at(-1), 2)}, ` +
        `lowest ${format(low, kind.digits)}, highest ${format(high, kind.digits)}, ${points.values.length} points`;
    });
    const more = this.#columns.length > 12 ? `; and ${board.runs.length - 12 / kind.lines.length} more runs` : '';
    this.canvas.setAttribute('aria-label', `${kind.title}${kind.unit ? ` in ${kind.unit}` : ''}. ${parts.join('; ')}${more}.`);
  }

  #select(plot) {
    const { left, width } = plot.select;
    if (width <= 0) return;
    const [min, max] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.board.setZoom({ min, max });
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const factor = { '+': 0.5, '=': 0.5, '-': 2, 0: Infinity }[event.key];
    const [x] = this.#data;
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || factor) || !this.#plot || x.length === 0) return;
    event.preventDefault();
    if (step) this.#move(step); else this.zoomBy(factor);
  }

  #move(step) {
    const [x] = this.#data;
    const at = Math.min(x.length - 1, Math.max(0, (this.#index ?? x.length) + step));
    const { zoom } = this.board;
    if (zoom && (x[at] < zoom.min || x[at] > zoom.max)) { // the part that is shown goes along
      const by = x[at] < zoom.min ? x[at] - zoom.min : x[at] - zoom.max;
      this.board.setZoom({ min: zoom.min + by, max: zoom.max + by });
    }
    this.#plot.setCursor({ left: this.#plot.valToPos(x[at], 'x'), top: height / 2 });
    this.said.setAttribute('aria-live', 'polite');
    this.said.textContent = this.legend.innerText.replaceAll('\n', ' ');
  }

  #resize() {
    const width = this.host.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height });
  }

  #toggleLog() {
    this.#log = !this.#log;
    this.logButton.setAttribute('aria-pressed', String(this.#log));
    address.mark('log', word(this.kind), this.#log);
    this.restyle();
  }

  #toggleTable() {
    this.#tabled = !this.#tabled;
    this.table.hidden = !this.#tabled;
    this.tableButton.setAttribute('aria-pressed', String(this.#tabled));
    address.mark('table', word(this.kind), this.#tabled);
    if (this.#tabled) this.#fillTable();
  }

  #fillTable() {
    const [x, ...values] = this.#data;
    const newest = 500;
    const head = el('tr', {}, el('th', { scope: 'col' }, this.board.axis === 'epochs' ? 'epoch' : 'step'),
      ...this.#columns.map(c => el('th', { scope: 'col' }, this.board.runs.length > 1 ? `${c.run.name} ${c.line.label}` : c.line.label)));
    const body = el('tbody');
    for (let i = x.length - 1; i >= Math.max(0, x.length - newest); i--) {
      body.append(el('tr', {}, el('th', { scope: 'row' }, String(Number(x[i].toFixed(4)))),
        ...values.map(v => el('td', {}, v[i] === undefined ? '' : v[i] === null ? 'NaN' : format(v[i], this.kind.digits)))));
    }
    this.table.replaceChildren(el('table', {}, el('thead', {}, head), body),
      x.length > newest ? el('p', { class: 'muted' }, `Newest ${newest} of ${x.length} rows; the CSV file has all.`) : '');
  }

  #file(extension) {
    return `${this.board.runs.map(r => r.id).slice(0, 8).join('-')}_${this.kind.title.replace(/[^a-z0-9]+/gi, '-')}.${extension}`;
  }

  #png() {
    if (!this.canvas) return;
    const { width, height: tall } = this.canvas;
    const scale = width / this.#plot.width;
    const picture = Object.assign(document.createElement('canvas'), { width, height: tall + 28 * scale });
    const ctx = picture.getContext('2d');
    ctx.fillStyle = token('raised');
    ctx.fillRect(0, 0, picture.width, picture.height);
    ctx.fillStyle = token('text');
    ctx.font = `600 ${14 * scale}px "Inter Variable", system-ui, sans-serif`;
    ctx.fillText(`${this.kind.title}${this.kind.unit ? ` (${this.kind.unit})` : ''}`, 12 * scale, 19 * scale);
    ctx.drawImage(this.canvas, 0, 28 * scale);
    picture.toBlob(blob => download(this.#file('png'), blob));
  }
}

/** What a chart is called in the address: its first metric, which has no comma. */
const word = kind => kind.lines[0].metric;

const few = values => {
  let count = 0;
  for (const value of values) if (value != null && ++count > 40) return false;
  return true;
};

/** The value at an index, or the last one before it: lines of different runs have their points at different x. */
function nearest(values, at) {
  for (let i = at ?? values.length - 1; i >= 0; i--) if (values[i] !== undefined) return values[i];
  return null;
}

function swatch(color, dashed) {
  const mark = el('span', { class: dashed ? 'swatch dashed' : 'swatch', 'aria-hidden': 'true' });
  mark.style.setProperty('--run', color);
  return mark;
}
