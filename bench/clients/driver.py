"""A plain client made of libtorrent: one torrent, to be downloaded or served, as the JSON in the first argument says.
Prints "ready" when it serves everything, having had it or having got it."""
import json
import signal
import sys

import libtorrent as lt

job = json.loads(sys.argv[1])
host = job["address"].rpartition(":")[0]
settings = {
    "listen_interfaces": job["address"],
    "outgoing_interfaces": host,
    "user_agent": "bench",
    # Nothing but the tracker and TCP.
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "allow_multiple_connections_per_ip": True,
    "connections_limit": 2 * job["peers"],  # it lets two thirds in
    "connection_speed": 200,
    "listen_queue_size": 500,
    # What it takes to be fast over a short way.
    "max_out_request_queue": 2000, "max_allowed_in_request_queue": 4000,
    "send_buffer_watermark": 4 << 20, "send_buffer_watermark_factor": 200,
    "aio_threads": 4, "hashing_threads": 2,
    "rate_limit_ip_overhead": False,
    "unchoke_slots_limit": 8 if job["up"] else -1,
    "alert_mask": lt.alert.category_t.status_notification,
}
if job["rc4"]:
    settings.update(out_enc_policy=0, in_enc_policy=0, allowed_enc_level=2, prefer_rc4=True)
else:
    settings.update(out_enc_policy=2, in_enc_policy=2)
session = lt.session(settings)

params = lt.add_torrent_params()
params.ti = lt.torrent_info(job["torrent"], {"max_pieces": 1 << 22, "max_buffer_size": 1 << 26})
params.save_path = job["folder"]
params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
params.max_connections = 2 * job["peers"]
params.upload_limit = job["up"] or -1  # a session's limit leaves local peers out, this one does not
if job["seed"]:
    params.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(params)

while not handle.status().is_seeding:
    session.wait_for_alert(50)
    session.pop_alerts()
print("ready", flush=True)
session.apply_settings({"alert_mask": 0})
signal.pause()
