// The rules of sequence numbers, rewinds and holes. Run by ScriptTests.cs, which names the module in SCRIPT.
import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';
import { pathToFileURL } from 'node:url';

const { RunPoints } = await import(pathToFileURL(process.env.SCRIPT));

globalThis.document = { baseURI: 'http://server/' };
let asked, answers;
globalThis.fetch = async (url, { signal }) => {
  await Promise.resolve();
  if (signal.aborted) throw signal.reason;
  asked.push(url.pathname + url.search);
  const answer = answers.shift();
  return typeof answer === 'number' ? { ok: false, status: answer } : { ok: true, json: async () => answer };
};
beforeEach(() => { asked = []; answers = []; });

const batch = (after, seq, steps, more = {}) => ({
  runId: 1, attempt: 1, after, seq, rewind: null, more: false,
  series: [{ metric: 'gap', steps, epochs: steps.map(s => s / 10), values: steps }], ...more,
});
const store = only => new RunPoints(1, () => {}, only);
const steps = points => points.metrics.get('gap')?.steps ?? [];

test('stored points are read page by page', async () => {
  answers = [batch(0, 2, [1, 2], { more: true }), batch(2, 3, [3])];
  const points = store();
  await points.fill();
  assert.deepEqual(steps(points), [1, 2, 3]);
  assert.deepEqual(asked, ['/api/v1/runs/1/points?after=0', '/api/v1/runs/1/points?after=2']);
});

test('a batch that follows is applied without a question', () => {
  const points = store();
  points.receive(batch(0, 2, [1, 2]));
  points.receive(batch(2, 3, [3]));
  assert.deepEqual(steps(points), [1, 2, 3]);
  assert.equal(asked.length, 0);
});

test('a batch that came already changes nothing', () => {
  const points = store();
  points.receive(batch(0, 2, [1, 2]));
  points.receive(batch(1, 2, [2]));
  assert.deepEqual(steps(points), [1, 2]);
});

test('a hole is filled from the server', async () => {
  const points = store();
  points.receive(batch(0, 1, [1]));
  answers = [batch(1, 4, [2, 3, 4])];
  points.receive(batch(3, 4, [4]));
  await points.fill();
  assert.deepEqual(steps(points), [1, 2, 3, 4]);
  assert.deepEqual(asked, ['/api/v1/runs/1/points?after=1']);
});

test('a rewind drops the later steps first', () => {
  const points = store();
  points.receive(batch(0, 4, [10, 20, 30, 40]));
  points.receive(batch(4, 5, [21], { rewind: 20 }));
  assert.deepEqual(steps(points), [10, 20, 21]);
});

test('values that are no numbers are kept as such', () => {
  const points = store();
  points.receive(batch(0, 2, [1, 2], { series: [{ metric: 'gap', steps: [1, 2], epochs: [1, 2], values: ['NaN', 'Infinity'] }] }));
  assert.deepEqual(points.metrics.get('gap').values, [NaN, Infinity]);
});

test('metrics that no chart shows are neither asked for nor kept', async () => {
  answers = [batch(0, 1, [1])];
  const points = store(['gap']);
  await points.fill();
  points.receive(batch(1, 2, [], { series: [{ metric: 'lr', steps: [2], epochs: [2], values: [0.1] }] }));
  assert.deepEqual(asked, ['/api/v1/runs/1/points?after=0&metrics=gap']);
  assert.deepEqual([...points.metrics.keys()], ['gap']);
  assert.equal(points.seq, 2);
});

test('a run that is gone is not asked for again', async () => {
  answers = [404];
  const points = store();
  await points.fill();
  assert.equal(points.error.message, 'This run no longer exists.');
  assert.equal(asked.length, 1);
});

test('one that is stopped asks no more and tells nothing', async () => {
  answers = [503, batch(0, 2, [1, 2])];
  let told = 0;
  const points = new RunPoints(1, () => { told++; });
  const filling = points.fill();
  points.stop();
  await filling;
  assert.equal(asked.length, 0);
  assert.equal(told, 0);
});
