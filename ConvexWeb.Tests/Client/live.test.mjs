// Who watches what over the one connection. Run by ScriptTests.cs, which names the module in SCRIPT.
import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';
import { pathToFileURL } from 'node:url';

const { Live } = await import(pathToFileURL(process.env.SCRIPT));

let asked, live;
const soon = () => new Promise(done => setTimeout(done, 5));
const connection = () => ({
  on() {}, onreconnecting() {}, onreconnected() {}, onclose() {},
  start: soon,
  invoke: async (method, ids) => {
    asked.push(ids ? `${method} ${ids}` : method);
    return (ids ?? []).map(id => ({ id, lastSeq: 0 }));
  },
});
beforeEach(() => { asked = []; live = new Live(connection); });

test('runs that nobody watches any more are left', async () => {
  const leave = live.watch([1, 2], {});
  live.watch([2], {});
  await soon(), await soon();
  leave();
  assert.equal(asked.at(-1), 'unwatch 1');
});

test('who leaves before there is a connection is never joined', async () => {
  let joined = false;
  live.watch([1], { joined: () => { joined = true; } })();
  await soon(), await soon();
  assert.deepEqual(asked.filter(a => a.startsWith('watch')), []);
  assert.ok(!joined);
});
