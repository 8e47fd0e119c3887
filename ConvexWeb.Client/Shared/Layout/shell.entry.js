// The frame's behaviour that needs no server: theme, what the browser remembers, keyboard. Everything is found by data attributes when it
// is needed, so it does not matter when, or how often, Blazor renders it.

import './focus.js';

document.addEventListener('click', event => {
  const target = event.target.closest('[data-theme-set], [data-copy]');
  if (target?.dataset.themeSet) window.convexTheme.set(target.dataset.themeSet);
  else if (target) copy(target);
});

const read = key => { try { return localStorage.getItem(key); } catch { return null; } };
const write = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
const year = 365 * 24 * 3600;
const wide = matchMedia('(min-width: 960px)');

// Which theme holds is said to those who do not see it, too. The buttons may be rendered again at any time.
const press = () => {
  for (const button of document.querySelectorAll('[data-theme-set]')) {
    const pressed = String(button.dataset.themeSet === document.documentElement.dataset.themeChoice);
    if (button.getAttribute('aria-pressed') !== pressed) button.setAttribute('aria-pressed', pressed);
  }
};
new MutationObserver(press).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme-choice'] });
new MutationObserver(press).observe(document.body, { childList: true, subtree: true });
press();

/** What pages ask of the browser. */
window.convexShell = {
  menuMoved: open => {
    // A cookie, so that the next page comes as this one is left; on a narrow one the menu lies over the page and is closed anyway.
    if (wide.matches) document.cookie = `menu=${open ? 'open' : 'closed'}; path=/; max-age=${year}; samesite=lax`;
    else if (open) enterMenu();
  },
  // How tall the first row of runs is, and whether it is in sight.
  rows: () => {
    const row = document.querySelector('tr[data-row]')?.getBoundingClientRect();
    return row ? { height: row.height, isTopInSight: row.top >= 0 && row.top < innerHeight } : null;
  },
  keysOff: () => read('keys') === 'off',
  setKeys: on => write('keys', on ? 'on' : 'off'),
};

// A box that a range goes over is not the box that was clicked: the server says what is chosen.
document.addEventListener('click', event => {
  if (event.shiftKey && event.target.matches('[data-row] input[type=checkbox]')) event.preventDefault();
});

// The menu cannot take the focus before the server has opened it, which may be some frames later.
function enterMenu(frames = 120) {
  if (!menu().inert) menu().querySelector('a')?.focus();
  else if (frames) requestAnimationFrame(() => enterMenu(frames - 1));
}

const menu = () => document.getElementById('main-menu');
const menuButton = () => document.querySelector('[aria-controls=main-menu]');

/** Whether the menu lies over the page. */
const lies = () => !wide.matches && menu() && !menu().inert;

// A focus in the page below it could not be seen, so the menu closes.
document.addEventListener('focusin', event => {
  if (lies() && menu().contains(event.relatedTarget) && !menu().contains(event.target) && event.target !== menuButton())
    menuButton()?.click();
});

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const text = source?.value ?? source?.innerText ?? '';
  try {
    await navigator.clipboard.writeText(text);
    button.dataset.copied = 'true';
    say(button, 'Copied');
    setTimeout(() => {
      delete button.dataset.copied;
      say(button, ''); // else a second copy would be no news
    }, 1_500);
  } catch {
    getSelection().selectAllChildren(source); // without a clipboard (plain http) the text is at least selected
  }
}

function say(button, word) {
  const note = button.nextElementSibling;
  if (note?.matches('[data-copy-note]')) note.textContent = word;
}

// The server has forgotten this circuit (a restart, a new version): the page as its address says it is one load away.
const modal = document.getElementById('components-reconnect-modal');
if (modal) {
  new MutationObserver(() => {
    const gone = ['failed', 'rejected', 'resume-failed'].some(state => modal.classList.contains(`components-reconnect-${state}`));
    if (gone) reloadWhenBack();
  }).observe(modal, { attributes: true, attributeFilter: ['class'] });
}

let waiting = false;
async function reloadWhenBack() {
  if (waiting) return;
  for (waiting = true; ; await new Promise(done => setTimeout(done, 2_000))) {
    const answer = await fetch(location.href, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
    if (answer && answer.status < 500) return location.reload();
  }
}

// Keys. None while typing, and all can be switched off in the list that ? opens.
const typing = element => element?.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');
let leader = 0;

document.addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') {
    if (lies()) {
      menuButton().click();
      menuButton().focus();
      return;
    }
    const field = typing(document.activeElement);
    // Later: Blazor has yet to hear of this key, after which it would take the field for one that has the focus.
    if (field?.matches('[data-key]')) setTimeout(() => leave(field));
    return;
  }
  if (typing(event.target) || document.querySelector('[role=dialog]')) return;
  if (event.key !== '?' && window.convexShell.keysOff()) return;
  if (event.key === 'g') { leader = event.timeStamp; return; }
  const going = leader && event.timeStamp - leader < 1_200;
  leader = 0;
  if (handle(event.key, going)) event.preventDefault();
});

// Some browsers have cleared a search by now. It must be heard of before the field is left, which ends the typing.
function leave(field) {
  if (field.type === 'search' && field.value) {
    field.value = '';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
  field.blur();
}

function handle(key, going) {
  if (going) {
    const item = document.querySelector(`[data-goto="${CSS.escape(key)}"]`);
    const link = item?.matches('a') ? item : item?.querySelector('a');
    link?.click();
    return link;
  }
  if (key === 'j' || key === 'k') return move(key === 'j' ? 1 : -1);
  const row = document.activeElement?.closest('[data-row]');
  if (row && key === 'x') { row.querySelector('input[type=checkbox]')?.click(); return true; }
  if (row && key === 'Enter' && document.activeElement === row) { row.querySelector('a')?.click(); return true; }
  const targets = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(t => t.checkVisibility() && !t.disabled);
  for (const target of targets) {
    if (target.matches('input')) { target.focus(); target.select(); } else target.click();
  }
  return targets.length > 0;
}

let last = '';

function move(by) {
  const rows = [...document.querySelectorAll('[data-row]')].filter(r => r.checkVisibility());
  if (rows.length === 0) return false;
  // A row that was replaced, or scrolled away, has lost the focus: one goes on from where it was.
  let at = rows.indexOf(document.activeElement?.closest('[data-row]'));
  if (at < 0 && last) at = rows.findIndex(row => row.dataset.row === last);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
  last = next.dataset.row;
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
  return true;
}
