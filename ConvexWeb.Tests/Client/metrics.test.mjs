// What the chooser of further metrics lists, and in which order. Run by ScriptTests.cs, which names the module in SCRIPT.
import assert from 'node:assert/strict';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const { describe, grouped } = await import(pathToFileURL(process.env.SCRIPT));

const listed = metrics => grouped(metrics).map(({ title, items }) => [title, ...items.map(item => item.kind.title)]);

test('what a standing chart shows is not offered again', () => {
  assert.equal(describe('train/accuracy'), null);
  assert.deepEqual(grouped(['train/accuracy', 'test/loss', 'gap', 'train/loss_running']), []);
});

test('train and test of one measure share a chart, train solid and test dashed', () => {
  const [{ title, items }] = grouped(['test/ece', 'train/ece']);
  assert.equal(title, 'Train and test');
  assert.equal(items.length, 1);
  assert.deepEqual(items[0].kind.lines.map(line => [line.metric, line.dashed ?? false]), [['train/ece', false], ['test/ece', true]]);
});

test('groups are titled in words and stand in one order, whichever metric comes first', () => {
  const metrics = ['lr', 'weights/l2', 'constraint/spike_share', 'constraint/min_weight',
    'ema/test_loss', 'ema/test_accuracy', 'train/fit_rate',
    'test/top5', 'test/macro_f1', 'grad_norm', 'train/objective_running', 'train/objective'];
  const expected = [
    ['Train and test', 'Macro F1', 'Top-5 accuracy', 'Loss with label smoothing'],
    ['Label noise', 'Wrong labels that are fitted'],
    ['Averaged weights (EMA)', 'Test accuracy of averaged weights', 'Test loss of averaged weights'],
    ['Constraint', 'Smallest constrained weight', 'Share of weights in the spike'],
    ['Weights', 'Norm of all weights'],
    ['Steps and optimiser', 'Running objective', 'Gradient norm', 'Learning rate'],
  ];
  assert.deepEqual(listed(metrics), expected);
  assert.deepEqual(listed(metrics.toReversed()), expected);
});

test('a metric that nobody has heard of is listed by its name, under its prefix', () => {
  assert.deepEqual(listed(['gpu/peak_memory', 'train/odd_one', 'constructor', 'a/b/c_d', 'train/toString']), [
    ['Steps and optimiser', 'Constructor'], ['Train only', 'Train odd one', 'Train toString'], ['A', 'A b c d'], ['Gpu', 'Gpu peak memory'],
  ]);
});
