// What the charts show is kept in the address: lists of words by name.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = new URL('http://lab/runs/3?tab=log&hide=3,5');
let went = null;
const navigateTo = (to, options) => {
  went = to;
  location = new URL(to, location);
  assert.ok(options.replaceHistoryEntry);
};
globalThis.window = { Blazor: { navigateTo } };
const { list, mark, write } = await import(process.env.SCRIPT);

test('a list is its words, and one that is not there has none', () => {
  assert.deepEqual(list('hide'), ['3', '5']);
  assert.deepEqual(list('log'), []);
});

test('a word comes in and goes out, and what else is in the address stays', () => {
  mark('hide', 7, true);
  assert.equal(went, '/runs/3?tab=log&hide=3%2C5%2C7');
  mark('hide', 3, false);
  assert.deepEqual(list('hide'), ['5', '7']);
  mark('axis', 'steps', true);
  assert.deepEqual(list('axis'), ['steps']);
  mark('axis', 'steps', false);
  assert.equal(went, '/runs/3?tab=log&hide=5%2C7');
});

test('a list is written whole, and goes when it is empty', () => {
  write('line', [1, 3]);
  assert.deepEqual(list('line'), ['1', '3']);
  write('line', []);
  assert.equal(went, '/runs/3?tab=log&hide=5%2C7');
});
