// Logits along straight lines between two test images: curves that do not change, of which one line is shown at a time. Where a second
// difference is negative, and so the curve is not convex, a mark stands on it.
import uPlot from 'uplot';
import * as address from './address.js';
import { choice, choices, el, tool, token } from './dom.js';
import { format, tick } from './kinds.js';
import { download } from './table.js';

const height = 300;
const tolerance = 1e-9; // as the certificate has it
const most = 20; // curves that can be told apart
let serial = 0;

/** Places in the middle of three neighbours whose value lies above the mean of the outer two. */
export function dents(values) {
  const found = [];
  for (let i = 1; i + 1 < values.length; i++) {
    const excess = values[i] - (values[i - 1] + values[i + 1]) / 2;
    if (excess > tolerance * (1 + Math.abs(values[i - 1]) + Math.abs(values[i + 1]))) found.push(i);
  }
  return found;
}

/** Of many classes those with a dent, and then those with the largest logits; by number. */
export function choose(logits, count = most) {
  const ranked = logits.map((values, number) => ({ number, dents: dents(values).length, top: Math.max(...values) }));
  if (ranked.length > count) ranked.sort((a, b) => b.dents - a.dents || b.top - a.top).length = count;
  return ranked.sort((a, b) => a.number - b.number);
}

export class Curves {
  #source = 0;
  #segment = 0;
  #hidden;
  #tabled;
  #plot = null;
  #index = null;

  constructor(host, { sources, colours }) {
    this.host = host;
    this.sources = sources;
    this.colours = colours;
    this.id = `curves-${++serial}`;
    const [source, segment] = address.list('line').map(Number);
    if (sources[source]?.segments[segment]) [this.#source, this.#segment] = [source, segment];
    this.#hidden = new Set(address.list('hide').map(Number));
    this.#tabled = address.list('table').includes('curves');
    this.#build();
    this.#themes = new MutationObserver(() => this.#draw());
    this.#themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.#sizes = new ResizeObserver(() => this.#resize());
    this.#sizes.observe(this.plot);
    this.#show();
  }

  #themes;
  #sizes;

  dispose() {
    this.#themes.disconnect();
    this.#sizes.disconnect();
    this.#plot?.destroy();
    this.host.replaceChildren();
  }

  get segment() {
    return this.sources[this.#source].segments[this.#segment];
  }

  #build() {
    this.plot = el('div', {
      class: 'plot', tabindex: 0, role: 'group', 'aria-label': 'Curves: left and right keys move the cursor',
      onkeydown: e => this.#key(e),
    });
    this.note = el('p', { class: 'curves-note', role: 'status' });
    this.legend = el('div', { class: 'legend' });
    this.said = el('p', { class: 'visually-hidden', 'aria-live': 'off' });
    this.table = el('div', {
      class: 'points-table', hidden: !this.#tabled, tabindex: 0, role: 'region', 'aria-label': 'Curves as a table',
    });
    this.tableButton = tool('table', 'View as table', () => this.#toggleTable(), { 'aria-pressed': String(this.#tabled) });
    this.sourceButtons = this.sources.length < 2 ? []
      : this.sources.map((source, i) => choice(source.name, false, () => this.#go(i, this.#segment)));
    this.segmentButtons = this.sources[0].segments.map(({ from, to }, i) =>
      choice(`image ${from} → ${to}`, false, () => this.#go(this.#source, i)));
    this.host.replaceChildren(el('section', { class: 'mud-paper mud-paper-outlined chart', 'aria-labelledby': this.id },
      el('header', {},
        el('h2', { id: this.id }, 'Logits between two test images'),
        el('div', { class: 'tools' }, this.tableButton, tool('csv', 'Download CSV', () => this.#download()))),
      el('div', { class: 'row curves-bar' },
        this.sourceButtons.length
          ? choices('Whose logits', ...this.sourceButtons)
          : null,
        choices('Between which images', ...this.segmentButtons)),
      this.note, el('div', { class: 'plot-frame' }, this.plot), this.table, this.legend, this.said));
  }

  // By their places, which are those of the stored certificate.
  #go(source, segment) {
    [this.#source, this.#segment] = [source, segment];
    address.write('line', source || segment ? [source, segment] : []);
    this.#show();
  }

  #show() {
    press(this.sourceButtons, this.#source);
    press(this.segmentButtons, this.#segment);
    const { segment } = this;
    this.shown = choose(segment.logits);
    this.#index = null;
    const checked = segment.logits.length * (segment.at.length - 2);
    const fine = segment.violations === 0;
    this.note.classList.toggle('dented', !fine);
    this.note.textContent = (fine
      ? `✓ None of the ${checked} second differences on this line is negative: every curve bends upwards or is straight.`
      : `✗ ${segment.violations} of the ${checked} second differences on this line are negative; a dot marks each of those places.`)
      + (this.shown.length < segment.logits.length
        ? ` Shown are ${this.shown.length} of ${segment.logits.length} classes; the CSV file has all.`
        : '');
    this.#buildLegend();
    this.#draw();
    if (this.#tabled) this.#fillTable();
  }

  #buildLegend() {
    this.position = el('span', { class: 'legend-x' }, ' ');
    this.entries = this.shown.map(({ number }) => {
      const value = el('b', {}, '–');
      const entry = el('button', {
        type: 'button', class: 'legend-entry', 'aria-pressed': String(!this.#hidden.has(number)),
        title: `Class ${number}: show or hide`, onclick: () => this.#toggle(number),
      }, el('span', { class: 'legend-value' }, swatch(this.colours[number]), `class ${number} `, value));
      return { number, entry, value };
    });
    this.legend.replaceChildren(this.position, ...this.entries.map(e => e.entry));
  }

  #draw() {
    this.#plot?.destroy();
    const { segment, shown } = this;
    const grid = { stroke: token('grid'), width: 1 };
    const axis = { stroke: token('muted'), font: '12px "Inter Variable", system-ui, sans-serif', grid, ticks: { ...grid, size: 4 } };
    const marks = shown.map(({ number }) => dents(segment.logits[number]));
    this.#plot = new uPlot({
      width: Math.max(this.plot.clientWidth, 100),
      height,
      legend: { show: false },
      padding: [8, 32, 0, 0],
      cursor: {
        drag: { x: true, y: false, dist: 4 },
        points: { size: 7, fill: (_, i) => this.colours[shown[i - 1].number], stroke: token('raised'), width: 1.5 },
      },
      scales: { x: { time: false } },
      axes: [
        {
          ...axis, space: 60, size: 28, gap: 4,
          values: (_, ticks) => ticks.map(at => (at === 0 ? `image ${segment.from}` : at === 1 ? `image ${segment.to}` : tick(at))),
        },
        { ...axis, size: 56, gap: 6, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{}, ...shown.map(({ number }, i) => ({
        label: `class ${number}`,
        stroke: this.colours[number],
        width: 2,
        show: !this.#hidden.has(number),
        points: { show: true, size: 7, width: 1.5, stroke: token('bad'), fill: token('bad'), filter: () => marks[i] },
      }))],
      hooks: { setCursor: [plot => { this.#index = plot.cursor.idx ?? null; this.#readout(); }] },
    }, [segment.at, ...shown.map(({ number }) => segment.logits[number])], this.plot);
    const canvas = this.plot.querySelector('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', this.#summary(marks));
    this.#readout();
  }

  #summary(marks) {
    const { segment, shown } = this;
    const lines = shown.map(({ number }, i) => {
      const values = segment.logits[number];
      const dented = marks[i].length ? `, ${marks[i].length} negative second differences` : '';
      return `class ${number}: from ${logit(values[0])} to ${logit(values.at(-1))}${dented}`;
    });
    const name = this.sources[this.#source].name.toLowerCase();
    return `Logits of ${name} on the line from test image ${segment.from} to test image ${segment.to}. ${lines.join('; ')}.`;
  }

  #readout() {
    const { segment } = this;
    const at = this.#index ?? 0;
    const where = this.#index == null ? `image ${segment.from}` : `at ${format(segment.at[at], 2)}`;
    if (this.position.textContent !== where) this.position.textContent = where;
    for (const { number, value } of this.entries) {
      const text = logit(segment.logits[number][at]);
      if (value.textContent !== text) value.textContent = text;
    }
  }

  #toggle(number) {
    if (!this.#hidden.delete(number)) this.#hidden.add(number);
    address.mark('hide', number, this.#hidden.has(number));
    const place = this.shown.findIndex(line => line.number === number);
    this.entries[place].entry.setAttribute('aria-pressed', String(!this.#hidden.has(number)));
    this.#plot.setSeries(place + 1, { show: !this.#hidden.has(number) });
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { at } = this.segment;
    const next = Math.min(at.length - 1, Math.max(0, (this.#index ?? (step > 0 ? -1 : at.length)) + step));
    this.#plot.setCursor({ left: this.#plot.valToPos(at[next], 'x'), top: height / 2 });
    this.said.setAttribute('aria-live', 'polite');
    this.said.textContent = this.legend.innerText.replaceAll('\n', ' ');
  }

  #resize() {
    const width = this.plot.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height });
  }

  #toggleTable() {
    this.#tabled = !this.#tabled;
    this.table.hidden = !this.#tabled;
    this.tableButton.setAttribute('aria-pressed', String(this.#tabled));
    address.mark('table', 'curves', this.#tabled);
    if (this.#tabled) this.#fillTable();
  }

  #fillTable() {
    const { segment, shown } = this;
    const head = el('tr', {}, el('th', { scope: 'col' }, 'place on the line'),
      ...shown.map(({ number }) => el('th', { scope: 'col' }, `class ${number}`)));
    const body = el('tbody', {}, ...segment.at.map((at, i) => el('tr', {}, el('th', { scope: 'row' }, format(at, 3)),
      ...shown.map(({ number }) => el('td', {}, format(segment.logits[number][i], 4))))));
    this.table.replaceChildren(el('table', {}, el('thead', {}, head), body));
  }

  // Everything, whatever is shown: one row for a value.
  #download() {
    const lines = ['network,from_image,to_image,place,class,logit'];
    for (const { name, segments } of this.sources) {
      for (const { from, to, at, logits } of segments) {
        logits.forEach((values, number) => values.forEach((value, i) => {
          lines.push([`"${name}"`, from, to, at[i], number, value].join(','));
        }));
      }
    }
    download('certificate-curves.csv', lines.join('\n') + '\n', 'text/csv');
  }
}

const logit = value => (Math.abs(value) < 1e5 ? value.toFixed(2) : value.toExponential(2));

const press = (buttons, chosen) => buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(i === chosen)));

function swatch(colour) {
  const mark = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  mark.style.setProperty('--run', colour);
  return mark;
}
