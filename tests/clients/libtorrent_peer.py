"""One libtorrent peer, steered by libtorrent.mjs: it seeds a file or downloads a magnet link over WebTorrent only,
or over TCP only if "tcp" follows, and prints what happens as JSON lines. It ends when its standard input closes.
Who seeds leaves the torrent beside the file."""

import json
import os
import sys
import threading

import libtorrent as lt

SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    # The tracker and WebRTC are the only ways to a peer.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_tcp": False,
    "enable_outgoing_tcp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "webtorrent_stun_server": "",
    # The tracker is on loopback, which libtorrent otherwise takes for an attack.
    "ssrf_mitigation": False,
}
TCP = {"enable_incoming_tcp": True, "enable_outgoing_tcp": True}


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def seed_params(path, tracker):
    # aria2 takes a torrent of both versions for another one.
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


def report(alert):
    if isinstance(alert, lt.tracker_reply_alert):
        say("reply")
    elif isinstance(alert, (lt.tracker_error_alert, lt.tracker_warning_alert)):
        say("trouble", text=alert.message())
    elif isinstance(alert, lt.torrent_finished_alert):
        say("finished")


def main():
    role, what, where = sys.argv[1:4]
    params = seed_params(what, where) if role == "seed" else download_params(what, where)
    session = lt.session(SETTINGS | (TCP if sys.argv[4:] == ["tcp"] else {}))
    handle = session.add_torrent(params)
    say("added", magnet=lt.make_magnet_uri(handle))

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        if session.wait_for_alert(200):
            for alert in session.pop_alerts():
                report(alert)


if __name__ == "__main__":
    main()
