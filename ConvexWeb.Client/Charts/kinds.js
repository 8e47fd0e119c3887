// What each standing chart shows; metrics.js has the others. `train` is drawn solid and `test` dashed, in the run's one colour.

export const kinds = {
  accuracy: {
    title: 'Accuracy', unit: '%', digits: 2, band: true,
    lines: [{ metric: 'train/accuracy', label: 'train' }, { metric: 'test/accuracy', label: 'test', dashed: true }],
  },
  gap: {
    title: 'Gap (train − test)', unit: 'points', digits: 2, zero: true,
    lines: [{ metric: 'gap', label: 'gap' }],
  },
  loss: {
    title: 'Loss', unit: '', digits: 4, log: true,
    lines: [{ metric: 'train/loss', label: 'train' }, { metric: 'test/loss', label: 'test', dashed: true }],
  },
  running: {
    title: 'Running training loss', unit: '', digits: 4, log: true,
    lines: [{ metric: 'train/loss_running', label: 'running' }],
  },
};

/** A number on an axis, as short as it can be said. */
export const tick = value => {
  if (value == null) return '';
  const size = Math.abs(value);
  if (size >= 10_000) return `${Number((value / 1_000).toPrecision(6))}k`;
  return size !== 0 && size < 1e-3 ? value.toExponential().replace(/(\.\d{2})\d+/, '$1') : String(Number(value.toPrecision(6)));
};

export const format = (value, digits) => {
  if (value == null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return size !== 0 && (size < 10 ** -digits * 5 || size >= 1e6) ? value.toExponential(2) : value.toFixed(digits);
};
