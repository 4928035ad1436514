// Drives a daemon with @ctrl/transmission as programs written for it do, and prints one line for each step.
// Arguments: the folder of the package, the address of the daemon, user, password, a .torrent of files that are in DIR/downloads, DIR.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, baseUrl, username, password, file, dir] = process.argv.slice(2);
const { Transmission } = await import(pathToFileURL(createRequire(modules + '/x.js').resolve('@ctrl/transmission')).href);
const client = new Transmission({ baseUrl, username, password });

// until repeats what takes a moment.
async function until(what, look) {
  for (let i = 0; ; i++) {
    const seen = await look();
    if (seen) return seen;
    if (i === 200) throw new Error(`not after 20 s: ${what}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

const options = { 'download-dir': dir + '/downloads', labels: ['ctrl'] };
const added = (await client.addTorrent(readFileSync(file), options)).arguments['torrent-added'];
const id = added.hashString;
const again = (await client.addTorrent(readFileSync(file), options)).arguments['torrent-duplicate'];
console.log('added', added.name, again.hashString === id);
const data = await client.getAllData();
console.log('listed', data.torrents.length);
await until('complete', async () => (await client.getTorrent(id)).isCompleted);
console.log('complete');
await client.setTorrent(id, { labels: ['one', 'two'], downloadLimit: 100, downloadLimited: true, uploadLimit: 50, uploadLimited: true });
const set = (await client.listTorrents(id, ['downloadLimit', 'downloadLimited', 'uploadLimit', 'uploadLimited'])).arguments.torrents[0];
console.log('set', set.labels.join(), set.downloadLimit, set.downloadLimited, set.uploadLimit, set.uploadLimited);
for (const verb of ['queueTop', 'queueBottom', 'queueUp', 'queueDown', 'reannounceTorrent']) {
  console.log(verb, (await client[verb](id)).result);
}
await client.pauseTorrent(id);
await until('paused', async () => (await client.getTorrent(id)).state === 'paused');
await client.resumeTorrent(id);
await until('resumed', async () => (await client.getTorrent(id)).state === 'seeding');
await client.verifyTorrent(id);
await until('verified', async () => (await client.getTorrent(id)).state === 'seeding');
console.log('paused, resumed, verified');
await client.moveTorrent(id, dir + '/moved');
await until('moved', async () => (await client.getTorrent(id)).savePath === dir + '/moved');
console.log('moved');
console.log('space', (await client.freeSpace(dir)).arguments['size-bytes'] > 0);
const session = (await client.getSession()).arguments;
console.log('session', typeof session.version, session['rpc-version'] >= 14);
await client.removeTorrent(id, true);
console.log('removed', (await client.getAllData()).torrents.length);
