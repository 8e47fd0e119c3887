// The metrics that no standing chart shows: what each is called in words, what it is listed under, and which share a chart.
import { kinds } from './kinds.js';

const percent = { unit: '%', digits: 2 };
const loss = { unit: '', digits: 4, log: true };
const share = { unit: '', digits: 4 };

// Measured on train and test alike: one chart, train solid and test dashed.
const onBoth = {
  ece: { title: 'Calibration error (ECE)', ...share },
  macro_f1: { title: 'Macro F1', ...share },
  balanced_accuracy: { title: 'Balanced accuracy', ...percent },
  top5: { title: 'Top-5 accuracy', ...percent },
  objective: { title: 'Loss with label smoothing', ...loss },
  macro_precision: { title: 'Macro precision', ...share },
  macro_recall: { title: 'Macro recall', ...share },
  youden: { title: 'Youden’s J, macro mean', ...share },
  margin_mean: { title: 'Mean margin', unit: '', digits: 4 },
  margin_p10: { title: '10th percentile of the margin', unit: '', digits: 4 },
};

const alone = {
  gap_loss: ['both', { title: 'Loss gap (test − train)', unit: '', digits: 4 }],
  'train/fit_rate': ['noise', { title: 'Wrong labels that are fitted', ...percent }],
  'train/recovery_rate': ['noise', { title: 'Wrong labels whose true class is predicted', ...percent }],
  'train/clean_accuracy': ['noise', { title: 'Accuracy on images with true labels', ...percent }],
  'validation/accuracy': ['validation', { title: 'Validation accuracy', ...percent }],
  'validation/loss': ['validation', { title: 'Validation loss', ...loss }],
  'noisy_test/accuracy': ['noisy_test', { title: 'Accuracy on test images with noise', ...percent }],
  'noisy_test/loss': ['noisy_test', { title: 'Loss on test images with noise', ...loss }],
  theta: ['annealing', { title: 'Angle θ (mean)', unit: 'rad', digits: 4 }],
  theta_min: ['annealing', { title: 'Smallest angle θ', unit: 'rad', digits: 4 }],
  theta_max: ['annealing', { title: 'Largest angle θ', unit: 'rad', digits: 4 }],
  locality: ['weights', { title: 'Locality of the first layer (1 is chance)', ...share }],
  'ema/test_accuracy': ['ema', { title: 'Test accuracy of averaged weights', ...percent }],
  'ema/test_loss': ['ema', { title: 'Test loss of averaged weights', ...loss }],
  'constraint/min_weight': ['constraint', { title: 'Smallest constrained weight', ...loss }],
  'constraint/spike_share': ['constraint', { title: 'Share of weights in the spike', ...share }],
  'constraint/negatives_per_step': ['constraint', { title: 'Weights that became negative, per step', unit: '', digits: 2, log: true }],
  'weights/l2': ['weights', { title: 'Norm of all weights', ...loss }],
  'weights/from_init': ['weights', { title: 'Distance from the initial weights', ...loss }],
  'train/accuracy_running': ['steps', { title: 'Running training accuracy', ...percent }],
  'train/objective_running': ['steps', { title: 'Running objective', ...loss }],
  grad_norm: ['steps', { title: 'Gradient norm', ...loss }],
  lr: ['steps', { title: 'Learning rate', ...loss }],
  samples_per_second: ['steps', { title: 'Images per second', unit: '', digits: 0, log: true }],
};

// In the order in which they are listed. Another prefix is a group of its own, behind them.
const titles = {
  both: 'Train and test',
  noise: 'Label noise',
  validation: 'Validation split',
  ema: 'Averaged weights (EMA)',
  constraint: 'Constraint',
  weights: 'Weights',
  noisy_test: 'Test images with noise',
  annealing: 'Annealing',
  theta: 'Angles θ by layer',
  nonzeros: 'Non-zero weights by layer',
  norm: 'Norm by layer',
  from_init: 'Distance from the start by layer',
  steps: 'Steps and optimiser',
  train: 'Train only',
  test: 'Test only',
};

const order = [...Object.keys(onBoth).map(name => `both/${name}`), ...Object.keys(alone)];
const charted = new Set(Object.values(kinds).flatMap(kind => kind.lines.map(line => line.metric)));

const words = name => {
  const text = name.replaceAll(/[_/]+/g, ' ').trim() || name;
  return text[0].toUpperCase() + text.slice(1);
};

/** Metric → { key, group, kind }; metrics with one key share the chart that `kind` describes. Null: a standing chart shows it. */
export function describe(metric) {
  if (charted.has(metric)) return null;
  const cut = metric.indexOf('/');
  const [prefix, name] = cut > 0 ? [metric.slice(0, cut), metric.slice(cut + 1)] : ['', metric];
  if ((prefix === 'train' || prefix === 'test') && Object.hasOwn(onBoth, name)) {
    const lines = [{ metric: `train/${name}`, label: 'train' }, { metric: `test/${name}`, label: 'test', dashed: true }];
    return { key: `both/${name}`, group: 'both', kind: { ...onBoth[name], lines } };
  }
  const [group, look] = Object.hasOwn(alone, metric) ? alone[metric] : [prefix || 'steps', { title: words(metric), ...loss }];
  return { key: metric, group, kind: { ...look, lines: [{ metric, label: metric }] } };
}

const rank = (list, value) => (list.includes(value) ? list.indexOf(value) : list.length);

/** What there is to choose from: [{ title, items: [{ key, kind }] }], always in the same order. */
export function grouped(metrics) {
  const groups = new Map();
  for (const metric of metrics) {
    const item = describe(metric);
    if (!item) continue;
    if (!groups.has(item.group)) groups.set(item.group, new Map());
    groups.get(item.group).set(item.key, item);
  }
  const known = Object.keys(titles);
  return [...groups.keys()]
    .sort((a, b) => rank(known, a) - rank(known, b) || a.localeCompare(b))
    .map(group => ({
      title: Object.hasOwn(titles, group) ? titles[group] : words(group),
      items: [...groups.get(group).values()].sort((a, b) => rank(order, a.key) - rank(order, b.key) || a.key.localeCompare(b.key)),
    }));
}
