"""One libtorrent peer, controlled by libtorrent.mjs: it seeds a file or downloads a magnet link over WebTorrent only,
or over TCP only with the argument "tcp", and prints its events as JSON lines. It ends when its standard input closes.
A seeder writes the torrent beside the file."""

import json
import os
import sys
import threading

import libtorrent as lt

SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    # Peers are reachable only through the tracker and WebRTC.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_tcp": False,
    "enable_outgoing_tcp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "webtorrent_stun_server": "",
    # The tracker is on loopback, which libtorrent would block as an attack.
    "ssrf_mitigation": False,
    # All pages are on loopback.
    "allow_multiple_connections_per_ip": True,
}
TCP = {"enable_incoming_tcp": True, "enable_outgoing_tcp": True}


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def seed_params(path, tracker):
    # aria2 treats a hybrid torrent as a different one.
    torrent = lt.create_torrent(lt.list_files(path), 0, lt.create_torrent.v1_only)
    torrent.add_tracker(tracker)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    entry = torrent.generate()
    with open(path + ".torrent", "wb") as file:
        file.write(lt.bencode(entry))
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(entry)
    params.save_path = os.path.dirname(path)
    return params


def download_params(magnet, folder):
    params = lt.parse_magnet_uri(magnet)
    params.save_path = folder
    return params


def emit_alert(alert):
    if isinstance(alert, lt.tracker_reply_alert):
        emit("reply")
    elif isinstance(alert, (lt.tracker_error_alert, lt.tracker_warning_alert)):
        emit("error", text=alert.message())
    elif isinstance(alert, lt.torrent_finished_alert):
        emit("finished")


def main():
    role, what, where = sys.argv[1:4]
    params = seed_params(what, where) if role == "seed" else download_params(what, where)
    session = lt.session(SETTINGS | (TCP if sys.argv[4:] == ["tcp"] else {}))
    handle = session.add_torrent(params)
    emit("added", magnet=lt.make_magnet_uri(handle))

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        if session.wait_for_alert(200):
            for alert in session.pop_alerts():
                emit_alert(alert)


if __name__ == "__main__":
    main()
