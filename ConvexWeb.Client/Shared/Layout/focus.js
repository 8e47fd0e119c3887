// Those who work by keyboard keep their place. A button may be disabled while it does its work, or be gone afterwards with its row or dialog,
// and the browser then forgets the focus without a word: it returns to the button, or goes to the page's heading.

let last = null;
let waits = false; // it is disabled, and had the focus until then

document.addEventListener('focusin', event => { [last, waits] = [event.target, false]; });
document.addEventListener('pointerdown', () => { last = null; }, true); // a click elsewhere is a choice of another place

function keep() {
  if (!last || document.activeElement !== document.body) return;
  if (last.disabled) waits = true;
  else if (!last.isConnected) {
    // Rows of a long table go when they are scrolled away, and j and k go on from them.
    if (!last.closest('[data-row]')) document.querySelector('h1')?.focus({ preventScroll: true });
    last = null;
  } else if (waits) last.focus({ preventScroll: true });
}

new MutationObserver(keep).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
