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

// Icons of the page's own set, which come with the first call: see ChartIcons.cs.
let icons = {};
export const useIcons = given => { icons = given; };

/** A toolbar button with an icon and a name for tooltip and screen reader. */
export function tool(icon, label, onclick, attributes = {}) {
  const button = el('button', {
    type: 'button', class: 'mud-button-root mud-icon-button mud-icon-button-size-small tool', title: label, 'aria-label': label, onclick,
    ...attributes,
  });
  button.innerHTML =
    `<svg class="mud-icon-root mud-svg-icon mud-icon-size-small" viewBox="0 0 24 24" aria-hidden="true">${icons[icon] ?? ''}</svg>`;
  return button;
}

/** One of several buttons of a group, of which the pressed one holds. */
export const choice = (text, pressed, onclick) => el('button', {
  type: 'button', class: 'mud-button-root mud-button mud-button-outlined mud-button-outlined-size-small',
  'aria-pressed': String(pressed), onclick,
}, text);

/** Such buttons, with the group's name. */
export const choices = (label, ...buttons) =>
  el('div', { class: 'mud-button-group-root mud-button-group-horizontal choices', role: 'group', 'aria-label': label }, ...buttons);

const palette = { grid: 'divider-light', muted: 'text-secondary', raised: 'surface', text: 'text-primary', bad: 'error' };

/** A colour of the theme, for what is painted. */
export const token = name => getComputedStyle(document.documentElement).getPropertyValue(`--mud-palette-${palette[name]}`).trim();
