// Those who work by keyboard keep their place. A button may be disabled while it does its work, or be gone afterwards with its row or
// dialog, and the browser then forgets the focus: it returns to the button, or goes to what has come, or to the heading of the panel that
// the button was in, or to the page's.

let last = null;
let waits = false; // it was disabled while it had the focus
let seen = false; // it came by a key, or is typed into: its user follows it
let panel = null; // the part of the page that it is in, or that opened the dialog or menu that it is in

document.addEventListener('focusin', ({ target }) => {
  [last, waits, seen] = [target, false, target.matches(':focus-visible')];
  if (!target.closest('[role=dialog], .mud-focus-trap, .mud-popover')) panel = target.closest('section.panel');
});
document.addEventListener('pointerdown', () => { last = null; }, true); // a click elsewhere is a choice of another place

function keep() {
  if (!last) return;
  // A browser takes the focus from a disabled button only in its next frame, and from one that is gone at once.
  const { activeElement: active, body } = document;
  if (active !== body && active !== last) return;
  if (!last.isConnected) {
    // Rows of a long table go when they are scrolled away, and j and k go on from them.
    if (!last.closest('[data-row]')) heading();
    last = null;
  } else if (last.closest('[inert]') && active === body) {
    // It lies in something that was closed, such as the menu: back to what opens it.
    document.querySelector(`[aria-controls="${last.closest('[inert]').id}"]`)?.focus();
  } else if (last.disabled) waits = true;
  else if (waits && active === body) last.focus({ preventScroll: true });
}

function heading() {
  const title = (panel?.isConnected && panel.querySelector('h2')) || document.querySelector('h1');
  if (!title) return;
  if (!title.hasAttribute('tabindex')) title.tabIndex = -1;
  title.focus({ preventScroll: true });
  if (seen) title.scrollIntoView({ block: 'nearest' }); // no further than it must
}

// What a key press has just made, such as a secret to be copied, is where its user goes on.
function take(changes) {
  if (!last || (document.activeElement !== document.body && document.activeElement !== last)) return;
  const added = changes.flatMap(change => [...change.addedNodes]).filter(node => node.nodeType === Node.ELEMENT_NODE);
  added.flatMap(node => [node, ...node.querySelectorAll('*')]).find(node => node.matches('[data-takes-focus]'))?.focus();
}

new MutationObserver(changes => {
  take(changes);
  keep();
  requestAnimationFrame(keep); // what the browser does in this frame is seen in the next
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled', 'inert'] });
