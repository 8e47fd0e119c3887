// What the charts of a page show, kept in its address: lists of words by name, such as hide=3,5. A reload or a sent link shows the same.

/** The words of a list; none where the address does not name it. */
export const list = name => (new URLSearchParams(globalThis.location?.search ?? '').get(name) ?? '').split(',').filter(Boolean);

/** Puts a word into a list or takes it out. */
export function mark(name, word, on) {
  const words = list(name).filter(other => other !== String(word));
  write(name, on ? [...words, word] : words);
}

/** Puts a list into the address, or takes it out when it has no words; without a new entry in the history. */
export function write(name, words) {
  const url = new URL(location.href);
  if (words.length) url.searchParams.set(name, words.join(','));
  else url.searchParams.delete(name);
  // Through Blazor, whose own links are made from the address that it knows.
  window.Blazor.navigateTo(url.pathname + url.search, { replaceHistoryEntry: true });
}
