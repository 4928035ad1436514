// Runs Flood before a daemon, drives its HTTP interface as its page does, and prints one line for each step.
// Arguments: the folder of the package, the address of the daemon, user, password, a .torrent of files that are in DIR/downloads, DIR, and a
// free port.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';

const [modules, daemon, user, password, file, dir, port] = process.argv.slice(2);
const base = `http://127.0.0.1:${port}`;
const run = dir + '/flood';
mkdirSync(run);
const flood = spawn(process.execPath, [modules + '/.bin/flood', '--auth', 'none', '--trurl', daemon + 'transmission/rpc', '--truser', user,
  '--trpass', password, '--rundir', run, '--allowedpath', dir, '--host', '127.0.0.1', '--port', port], { stdio: 'ignore' });
process.on('exit', () => flood.kill('SIGKILL'));

let cookie = '';
async function call(method, path, body) {
  const r = await fetch(base + '/api/' + path, { method, headers: { cookie, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  cookie ||= r.headers.get('set-cookie')?.split(';')[0] ?? '';
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
  return r.json().catch(() => null);
}

// until repeats what takes a moment.
async function until(what, look) {
  for (let i = 0, last; ; i++) {
    const seen = await look().catch((err) => { last = err; });
    if (seen) return seen;
    if (i === 300) throw new Error(`not after 30 s: ${what} ${last ?? ''}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}
const torrents = async () => Object.values((await call('GET', 'torrents')).torrents);
const one = (what, is) => until(what, async () => (await torrents()).find(is));

await until('Flood listens', async () => (await call('GET', 'auth/verify')).configs);
await until('connected', async () => (await call('GET', 'client/connection-test')).isConnected);
console.log('connected');
await call('POST', 'torrents/add-files', { files: [readFileSync(file).toString('base64')], destination: dir + '/downloads', tags: ['flood'], start: true });
const t = await one('seeding', (t) => t.status.includes('seeding') && t.percentComplete === 100);
const hashes = [t.hash];
console.log('added', t.name, t.tags.join());
await call('PATCH', 'torrents/tags', { hashes, tags: ['one', 'two'] });
await one('labelled', (t) => t.tags.join() === 'one,two');
console.log('labelled');
await call('PATCH', 'client/settings', { throttleGlobalDownSpeed: 1000, throttleGlobalUpSpeed: 2000000 });
const settings = await call('GET', 'client/settings');
console.log('limited', settings.throttleGlobalDownSpeed > 0, settings.throttleGlobalUpSpeed > 0);
await call('POST', 'torrents/stop', { hashes });
await one('stopped', (t) => t.status.includes('stopped'));
await call('POST', 'torrents/start', { hashes });
await one('started', (t) => t.status.includes('seeding'));
console.log('stopped, started');
await call('POST', 'torrents/check-hash', { hashes });
await one('checked', (t) => t.status.includes('seeding') && t.percentComplete === 100);
console.log('verified');
const files = await call('GET', `torrents/${t.hash}/contents`);
const trackers = await call('GET', `torrents/${t.hash}/trackers`);
console.log('files', files.length, 'trackers', trackers.length);
await call('POST', 'torrents/move', { hashes, destination: dir + '/moved', moveFiles: true, isBasePath: true, isCheckHash: false });
await one('moved', (t) => t.directory === dir + '/moved' && t.status.includes('seeding'));
console.log('moved');
await call('POST', 'torrents/delete', { hashes, deleteData: true });
await until('removed', async () => (await torrents()).length === 0);
console.log('removed');
process.exit(0);
