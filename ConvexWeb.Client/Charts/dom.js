// Builds elements: el('button', { class: 'x', onclick }, 'text', child).
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

const paths = {
  log: 'M2 13h12M2 13V3M2 11.5C6 11 6 4.5 14 4',
  table: 'M2 3h12v10H2zM2 6.5h12M2 10h12M6.5 3v10',
  csv: 'M8 2v8m0 0L5 7m3 3 3-3M2.5 11v2.5h11V11',
  png: 'M2 3h12v10H2zM2 11l3.5-4 3 3 2-2L14 11M10.5 5.5h.01',
};

/** A toolbar button with an icon and a name for tooltip and screen reader. */
export function tool(icon, label, onclick, attributes = {}) {
  const button = el('button', { type: 'button', class: 'tool', title: label, 'aria-label': label, onclick, ...attributes });
  button.innerHTML = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.5"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="${paths[icon]}"/></svg>`;
  return button;
}

export const token = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
