// Points of several runs side by side on one x axis, as uPlot, the table view and the CSV file take them.

/**
 * columns: [{ run, line, points }] → { x, values }. In `values`, undefined says "no point of this line at this x" (the line goes on)
 * and null says "the point is not a number" (the line breaks).
 */
export function align(columns, axis, positive = false) {
  const arrays = columns.map(c => (c.points ? c.points[axis] : []));
  const x = union(arrays);
  const index = arrays.some(a => a.length !== x.length) ? new Map(x.map((value, i) => [value, i])) : null;
  const values = columns.map((column, c) => {
    const result = new Array(x.length);
    const xs = arrays[c];
    for (let i = 0; i < xs.length; i++) {
      const value = column.points.values[i];
      result[index ? index.get(xs[i]) : i] = Number.isFinite(value) && !(positive && value <= 0) ? value : null;
    }
    return result;
  });
  return { x, values };
}

function union(arrays) {
  const longest = arrays.reduce((a, b) => (b.length > a.length ? b : a), []);
  const all = Float64Array.from(arrays.flat());
  if (all.length === longest.length) return [...longest];
  all.sort();
  const x = [];
  for (const value of all) if (value !== x[x.length - 1]) x.push(value);
  return x;
}

const quote = text => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Exact values, not what is drawn: one row a point in time of any run, by step, with the epoch beside it. */
export function csv(columns) {
  const lines = [['run', 'name', 'metric', 'step', 'epoch', 'value'].join(',')];
  for (const { run, line, points } of columns) {
    if (!points) continue;
    for (let i = 0; i < points.steps.length; i++) {
      lines.push([run.id, quote(run.name), line.metric, points.steps[i], points.epochs[i], points.values[i]].join(','));
    }
  }
  return lines.join('\n') + '\n';
}

export function download(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
