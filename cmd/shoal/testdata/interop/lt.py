"""libtorrent as a plain client: lt.py TORRENT|MAGNET FOLDER ADDRESS:PORT [SETTINGS]. Downloads or seeds, whichever is left to
do; with - for a torrent it is a node of the DHT and nothing else. SETTINGS are of libtorrent, as JSON, in place of those below."""
import json
import sys
import time

import libtorrent as lt

torrent, folder, address = sys.argv[1:4]
settings = {
    "listen_interfaces": address, "outgoing_interfaces": address.rsplit(":", 1)[0].strip("[]"),
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True, "out_enc_policy": 2, "in_enc_policy": 2,
}
settings.update(json.loads(sys.argv[4]) if len(sys.argv) > 4 else {})
session = lt.session(settings)
if torrent == "-":
    print("listening", flush=True)
    while True:
        time.sleep(60)
if torrent.startswith("magnet:"):
    params = lt.parse_magnet_uri(torrent)
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
handle = session.add_torrent(params)
announced = time.time()
while True:
    time.sleep(0.05)
    if settings["enable_dht"] and time.time() > announced + 2:
        announced = time.time()
        handle.force_dht_announce()  # its own timer may let a quarter of an hour go by
    s = handle.status()
    if s.errc.value():
        sys.exit(s.errc.message())
