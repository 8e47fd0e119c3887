// Writes wwwroot/dist: the entry points of this project and what npm packages bring to the page. Run by Bundle.targets.
// `--watch` writes readable scripts with stable names and rewrites them on change, until it is stopped.
import { build, context } from 'esbuild';
import { cp, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';

const dist = 'wwwroot/dist';
const skipped = new Set(['node_modules', 'wwwroot', 'bin', 'obj']);

async function* sources(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) yield path;
    else if (!skipped.has(entry.name)) yield* sources(path);
  }
}

const entryPoints = {};
for await (const path of sources('.')) {
  if (!path.endsWith('.entry.js')) continue;
  const name = basename(path, '.entry.js');
  if (entryPoints[name]) throw new Error(`${path} and ${entryPoints[name]} would both become ${name}.js: rename one.`);
  entryPoints[name] = path;
}

await rm(dist, { recursive: true, force: true });
const watch = process.argv.includes('--watch');
const options = {
  entryPoints,
  outdir: dist,
  bundle: true,
  splitting: true, // shared code and dynamic imports become chunks, loaded once and only where used
  chunkNames: watch ? 'chunks/[name]' : 'chunks/[name]-[hash]',
  format: 'esm',
  target: 'es2022',
  minify: !watch,
  sourcemap: watch ? 'inline' : false,
  legalComments: 'eof',
  logLevel: watch ? 'info' : 'warning',
};
if (watch) await (await context(options)).watch();
else await build(options);

const inter = 'node_modules/@fontsource-variable/inter';
const copies = {
  'Shared/Theme/inter.package.css': 'inter.css',
  [`${inter}/files/inter-latin-wght-normal.woff2`]: 'inter-latin.woff2',
  [`${inter}/files/inter-latin-ext-wght-normal.woff2`]: 'inter-latin-ext.woff2',
  [`${inter}/files/inter-greek-wght-normal.woff2`]: 'inter-greek.woff2',
  [`${inter}/LICENSE`]: 'inter.LICENSE.txt',
  'node_modules/uplot/dist/uPlot.min.css': 'uplot.css',
};
for (const [from, to] of Object.entries(copies)) await cp(from, join(dist, to));
