// A blocking script in the head, so that the first paint already has the right theme.
(() => {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const read = (key, fallback) => { try { return localStorage.getItem(key) ?? fallback; } catch { return fallback; } };
  const root = document.documentElement;
  window.convexTheme = {
    get choice() { return read('theme', 'system'); },
    set(choice) {
      try { localStorage.setItem('theme', choice); } catch { /* private window: holds for this page */ }
      this.apply(choice);
    },
    apply(choice = this.choice) {
      root.dataset.themeChoice = choice;
      root.dataset.theme = choice === 'system' ? (system.matches ? 'dark' : 'light') : choice;
    },
  };
  const asked = new URLSearchParams(location.search).get('theme');
  window.convexTheme.apply(asked === 'light' || asked === 'dark' ? asked : undefined);
  system.addEventListener('change', () => window.convexTheme.apply());
})();
