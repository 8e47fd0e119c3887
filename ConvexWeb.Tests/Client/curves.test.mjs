import { test } from 'node:test';
import assert from 'node:assert/strict';

const { choose, dents } = await import(process.env.SCRIPT);

test('a convex curve has no dent', () => assert.deepEqual(dents([4, 1, 0, 1, 4]), []));

test('a straight one has none either, in spite of rounding', () => assert.deepEqual(dents([0.1, 0.2, 0.30000000000000004, 0.4]), []));

test('a dent is where a value lies above the mean of its neighbours', () => assert.deepEqual(dents([0, 0, 1, 0, 2]), [2]));

test('of many classes those with dents are shown, then those with the largest logits, by number', () => {
  const logits = [[9, 9, 9], [1, 1, 1], [0, 5, 0], [2, 2, 2], [8, 8, 8]];
  assert.deepEqual(choose(logits, 3).map(line => line.number), [0, 2, 4]);
  assert.deepEqual(choose(logits, 5).map(line => line.number), [0, 1, 2, 3, 4]);
});
