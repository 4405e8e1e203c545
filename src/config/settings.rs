//! Declares every setting once: name, type, default, bounds and description.
//! The structs, the layers, `--help` and `print-config` are generated from this list; it contains no logic.
//! To add a setting, add one entry. Numbers always have bounds (durations in seconds). Each entry ends with `live` if a
//! reload or the admin API can change the setting, `reload` if only a reload can, or `restart` if neither can.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::alert_receiver::AlertReceiver;
use super::declare::settings;
use super::history_storage::HistoryStorage;
use super::ice::{IceUrl, TurnUrl};
use super::listen::ListenSpec;
use super::log_format::LogFormat;
use super::matchmaking::MatchmakingSetting;
use super::nats_url::{CLUSTER_NAME, NATS_URL};
use super::network::Network;
use super::secret::Secret;
use super::udp_address::UdpAddress;
use super::validators::{
    ACME_DOMAIN, ACME_PROFILE, BASE_PATH, CHAT_TEMPLATE, DIRECTORY, HEADER, HOST, HTTPS_URL,
    LOG_LEVEL, MAIL_ADDRESS, ORIGIN, PEM_FILE, TEXT_FILE, WEB_DIR, WEB_URL,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the loopback networks and Unix domain sockets.
fn local_networks() -> Vec<Network> {
    let networks = ["unix", "127.0.0.0/8", "::1"];
    networks
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect()
}

settings! {
    /// All settings, typed. [`load`](super::load) and [`Config::check`] validate them.
    pub struct Config {
        /// Listen address for tracker and pages; repeatable.
        /// `IP:PORT`: `[::]` accepts IPv6 and IPv4, and port 0 selects a free port. `unix:PATH`: a Unix domain socket.
        /// `systemd` or `systemd:NAME`: sockets that a systemd socket unit passes. Prefixes may precede it, in this
        /// order: `tls+`; `proxy+` if each connection begins with a PROXY protocol header; `tracker+` or `pages+`
        /// to serve only that part.
        listen: Vec<ListenSpec> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8000)).into()] => restart;
        /// Number of worker threads; 0 means one per processor core.
        workers: usize = 0, in 0..=256 => restart;
        /// Usual announce interval in seconds; if unset, it follows the load.
        interval: Option<Duration> = None, in 1.0..=3600.0 => live;
        /// Disable all rate limits, for load tests and trusted networks.
        no_limits: bool = false => live;
        /// Serve the pages from this folder instead of the built-in ones.
        /// Its layout is that of `web/` in the source. A relative path starts at the working directory.
        web_dir: Option<PathBuf> = None, in WEB_DIR => restart;
        /// Path prefix that a reverse proxy does not strip, such as `/hub`.
        /// Everything is served below it and at the root. Proxies that strip the prefix need no setting.
        base_path: Option<String> = None, in BASE_PATH => live;
        /// Format of log lines on standard error: text or json.
        log_format: LogFormat = LogFormat::Text => restart;
        /// Log level: off, error, warn, info, debug or trace.
        /// Modules can have their own level: `info,swarmhub::hub=debug`.
        log_level: String = "info".to_owned(), in LOG_LEVEL => live;
        /// STUN or TURN server that pages use to connect peers; repeatable.
        /// `stun:HOST[:PORT]` or `turn:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`, or `stuns:` and `turns:`
        /// for TLS. In USER and PASSWORD, write a colon as %3A. Every visitor can read both.
        ice_server: Vec<IceUrl> = Vec::new() => reload;
        /// Web site whose pages may use this tracker; repeatable.
        /// Write it as browsers do: `https://example.org`. If none is set, the pages of every site may use it.
        origin: Vec<String> = Vec::new(), in ORIGIN => live;
        /// Web site whose pages may not use this tracker; repeatable.
        origin_denied: Vec<String> = Vec::new(), in ORIGIN => live;
        /// Show totals, such as connections and announces, to everyone.
        /// They never reveal what is shared or by whom. If off, the totals require the admin token. All other numbers,
        /// such as limit hits, are shown to this machine and with the admin token (see `metrics.public`).
        public_stats: bool = true => live;
        /// Where history is stored: file, memory, off or a path.
        /// `file` is `history.sqlite` in `$STATE_DIRECTORY` (systemd's `StateDirectory=`), else in
        /// `$XDG_STATE_HOME/swarmhub` or `~/.local/state/swarmhub`, else in the working directory.
        history: HistoryStorage = HistoryStorage::File => restart;
        /// Also store the 100 largest swarms, every ten minutes for 30 days.
        /// It is off by default because it reveals what people share. Reading it requires the admin token.
        history_top_swarms: bool = false => live;
        /// Token of the admin API; if unset, the API is off.
        /// It grants everything that `docs/admin.md` lists. Prefer a file or a variable: other users of this machine
        /// can see flags.
        admin_token: Option<Secret> = None, in 16..=256 => live;
        /// File that contains only the admin token.
        /// It is read at startup and on each reload.
        admin_token_file: Option<PathBuf> = None, in TEXT_FILE => restart;
    }

    /// TLS on `tls+` listeners, and the sources of their certificates.
    tls: Tls {
        /// PEM file with a certificate and its chain; repeatable, with one `tls.key` for each in the same order.
        /// The server name (SNI) selects the certificate; the first is the default. Changed files are reloaded.
        certificate: Vec<PathBuf> = Vec::new(), in PEM_FILE => restart;
        /// PEM file with the unencrypted private key of a certificate; repeatable.
        key: Vec<PathBuf> = Vec::new(), in PEM_FILE => restart;
        /// Generate a certificate at each start, for this machine's own names and addresses.
        /// Browsers warn about it once.
        self_signed: bool = false => restart;
        /// Domain to obtain a certificate for from an ACME directory such as Let's Encrypt; repeatable.
        /// By setting it you accept the directory's terms. Port 443 of the domain must lead to a `tls+` listener.
        acme_domain: Vec<String> = Vec::new(), in ACME_DOMAIN => restart;
        /// Public IP address to obtain a certificate for, so that no domain is needed; repeatable.
        /// Domains and addresses get one certificate together. Let's Encrypt certifies addresses for six days at a
        /// time. Port 443 of the address must lead to a `tls+` listener.
        acme_address: Vec<IpAddr> = Vec::new() => restart;
        /// Certificate profile of the ACME directory, such as `tlsserver`.
        /// If unset, it is `shortlived` with `acme_address` where the directory has that, else the directory's default.
        acme_profile: Option<String> = None, in ACME_PROFILE => restart;
        /// Contact mail address for the ACME directory; repeatable.
        acme_contact: Vec<String> = Vec::new(), in MAIL_ADDRESS => restart;
        /// URL of the ACME directory.
        /// For tests, use `https://acme-staging-v02.api.letsencrypt.org/directory`.
        acme_directory: String = "https://acme-v02.api.letsencrypt.org/directory".to_owned(), in HTTPS_URL => restart;
        /// Folder that stores the ACME account and the certificate.
        /// Required with `acme_domain` and `acme_address`: ACME directories issue only a few certificates a week.
        acme_cache: Option<PathBuf> = None, in DIRECTORY => restart;
        /// PEM file with authorities to trust for the ACME directory, in addition to those that browsers trust.
        acme_authority: Option<PathBuf> = None, in PEM_FILE => restart;
        /// Seconds for which browsers use only TLS for this host (HSTS); 0 sends no header.
        /// Half a year covers occasional visitors. The header is not sent with `tls.self_signed`, because browsers
        /// would no longer let users accept that certificate, nor beside a plain listener that becomes unreachable.
        hsts_max_age: Duration = seconds(15_552_000), in 0.0..=63_072_000.0 => live;
        /// Seconds in which a new connection must complete the TLS handshake.
        handshake_timeout: Duration = seconds(10), in 0.1..=300.0 => restart;
    }

    /// Where `/metrics` is served, and who may read it.
    metrics: Metrics {
        /// Address to serve `/metrics` on, and then only there; repeatable.
        /// Written as `listen`, without `tracker+` and `pages+`. If unset, it is served wherever pages are served.
        listen: Vec<ListenSpec> = Vec::new() => restart;
        /// Token required for `/metrics` (`Authorization: Bearer TOKEN`).
        /// If unset, everyone may read the totals; the rest requires the admin token or a client on this machine.
        token: Option<Secret> = None, in 16..=256 => live;
        /// Show every number in `/metrics`, the API and the dashboard to everyone, not only the totals.
        /// An attacker can then see how close the server is to its limits and what it refuses. Needs `public_stats`.
        public: bool = false => live;
    }

    /// The STUN server, which tells browsers the address under which others reach them, and the TURN relay (docs/connect.md).
    ice: Ice {
        /// Run a STUN server, and tell pages about it unless `ice_server` is set.
        /// Without one, browsers in two different homes do not connect.
        stun: bool = true => restart;
        /// UDP address of the STUN server, such as `[::]:3478`; repeatable.
        /// If unset, the addresses and ports of `listen`, without Unix domain sockets.
        listen: Vec<UdpAddress> = Vec::new() => restart;
        /// IP address or name under which clients reach the STUN server; repeatable, one of each address family.
        /// If unset, the address at which a page was requested. Needed behind a reverse proxy.
        public_address: Vec<String> = Vec::new(), in HOST => live;
        /// Also relay the data of browsers that cannot connect directly (TURN).
        /// UDP is served on the ports of the STUN server, TCP and TLS on those of `listen`.
        /// It relays only between browsers that use this relay, never into a network. Each relayed gigabyte is one in
        /// and one out.
        turn: bool = false => restart;
        /// External TURN server that accepts credentials made with `ice.turn_secret`; repeatable.
        /// `turn:HOST[:PORT][?transport=udp|tcp]`, or `turns:` for TLS. In coturn, set `use-auth-secret`.
        turn_server: Vec<TurnUrl> = Vec::new() => reload;
        /// Secret from which the passwords for TURN are made; shared with `ice.turn_server`.
        /// If unset, the built-in relay uses a random one, so a restart invalidates its credentials.
        turn_secret: Option<Secret> = None, in 16..=256 => restart;
        /// File that contains only that secret.
        turn_secret_file: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// Seconds for which the credentials of a page can begin something new; pages get others in time.
        credentials_lifetime: Duration = seconds(3600), in 60.0..=86400.0 => live;
        /// Concurrent allocations of the built-in relay. A page that connects makes up to eleven, for a minute.
        turn_allocations_max: usize = 10_000, in 1..=64_512 => live;
        /// Allocations with the credentials of one page.
        turn_user_allocations_max: u32 = 150, in 1..=65_535 => live;
        /// Allocations from one IPv4 address or one IPv6 /48 network.
        /// A school can share. The fuller the relay, the fewer: at most a fifth of those that are free.
        turn_address_allocations_max: u32 = 1500, in 1..=65_535 => live;
        /// Concurrent connections to the relay over TCP and TLS, for networks without UDP.
        /// At the limit, the oldest one without an allocation is closed for a new one.
        turn_connections_max: usize = 4096, in 1..=1_000_000 => live;
        /// Bytes that wait for the client of such a connection. Further packets for it are dropped, as on a full line.
        turn_output_bytes_max: usize = 65_536, in 4096..=16_777_216 => live;
        /// Bytes per second that the relay passes on for one page; beyond that it drops packets, and the page sends less.
        /// A relay is a crutch. The burst is two seconds.
        turn_user_bytes_per_second: usize = 2_500_000, in 10_000..=10_000_000_000 => live;
        /// Bytes per second that the relay passes on for all pages of one IPv4 address or IPv6 /48 network.
        /// Half of that for all: a page load brings new credentials, so one address could have many.
        turn_address_bytes_per_second: usize = 6_250_000, in 10_000..=100_000_000_000 => live;
        /// Bytes per second that the relay passes on for all pages: 100 Mbit/s in each direction.
        turn_bytes_per_second: usize = 12_500_000, in 10_000..=100_000_000_000 => live;
        /// Bytes that the relay passes on in one day (UTC); unset for no limit.
        turn_bytes_per_day: Option<usize> = None, in 1_000_000..=1_000_000_000_000_000 => live;
    }

    /// Announce intervals, and how much the tracker stores for peers.
    tracker: Tracker {
        /// Announce interval in seconds under low load.
        interval_min: Duration = seconds(45), in 1.0..=3600.0 => live;
        /// Announce interval in seconds under full load; in between it grows linearly.
        interval_max: Duration = seconds(120), in 1.0..=3600.0 => live;
        /// Announce interval in seconds of a peer that has met fewer than three others.
        /// It doubles with each such reply, up to the usual interval. Under full load it is the usual one.
        interval_lonely: Duration = seconds(5), in 1.0..=3600.0 => live;
        /// Announces per second and worker that count as full load.
        busy_announces_per_second: u32 = 2000, in 1..=1_000_000 => live;
        /// Seconds without an announce after which a peer is removed.
        /// If unset, three times the longest announce interval, and at least 180.
        membership_ttl: Option<Duration> = None, in 1.0..=86400.0 => live;
        /// Offers of one announce that are relayed; the rest is ignored.
        offers_per_announce_max: usize = 20, in 0..=1000 => live;
        /// Who receives an offer: introductions or random.
        /// With introductions the tracker remembers who was introduced to whom and who answered.
        matchmaking: MatchmakingSetting = MatchmakingSetting::Introductions => live;
        /// Introduce peers of one address to each other first, one in each announce.
        /// For a tracker in a private network. Behind the NAT of a carrier many strangers have one address.
        nearest: bool = false => live;
        /// Unanswered offers of one peer in one swarm; beyond that, the oldest is removed.
        pending_offers_max: usize = 256, in 1..=65536 => live;
        /// Seconds an offer waits for its answer; WebRTC times out sooner.
        pending_offer_ttl: Duration = seconds(120), in 1.0..=3600.0 => live;
        /// Swarms that one connection may be in at the same time.
        memberships_max: usize = 2000, in 1..=1_000_000 => live;
        /// Peer ids that one connection may use in one swarm; beyond that, the oldest is removed.
        peer_ids_per_swarm_max: usize = 4, in 1..=1000 => live;
        /// Info-hashes of one scrape that are answered; the rest is ignored.
        scrape_hashes_max: usize = 255, in 1..=65536 => live;
        /// Swarms whose counts are sent to connections that subscribed to them, over all connections.
        /// One address may have a tenth of them. 0 switches subscriptions off.
        subscriptions_max: usize = 20_000, in 0..=1_000_000 => live;
        /// Answer a scrape without info-hashes with all swarms.
        /// This reveals to everyone what is shared here.
        full_scrape: bool = false => live;
        /// Serve BitTorrent clients that announce over HTTP, at `/announce` and `/scrape`.
        /// They receive only each other as peers. The counts include WebSocket clients.
        http: bool = true => live;
        /// Announce interval in seconds over HTTP.
        http_interval: Duration = seconds(600), in 1.0..=86400.0 => live;
        /// Minimum seconds between two announces of a client over HTTP.
        http_interval_min: Duration = seconds(60), in 1.0..=86400.0 => live;
        /// Seconds without an announce over HTTP after which a peer is removed.
        /// If unset, three times `http_interval`.
        http_membership_ttl: Option<Duration> = None, in 1.0..=604_800.0 => live;
        /// Peers of each address family, IPv4 and IPv6, in one reply over HTTP.
        http_peers_per_reply_max: usize = 82, in 0..=500 => live;
        /// CSV file that maps networks to sites, such as schools and offices: `10.20.0.0/16,Berlin` per line.
        /// Browsers of one site are introduced to each other first. The longest network that contains an address
        /// decides. Changes of the file take effect within seconds, for new connections (docs/access.md).
        groups: Option<PathBuf> = None, in TEXT_FILE => restart;
    }

    /// Sizes and timeouts of one WebSocket connection.
    connection: Connection {
        /// Largest received message or frame in bytes; a larger one closes the connection.
        message_bytes_max: usize = 131_072, in 1024..=16_777_216 => live;
        /// Largest offer or answer (SDP) in bytes that is relayed.
        sdp_bytes_max: usize = 32_768, in 256..=16_777_216 => live;
        /// Maximum nesting depth of a message's JSON.
        json_depth_max: usize = 32, in 4..=128 => live;
        /// Bytes queued for one connection; relays beyond that are dropped.
        output_bytes_max: usize = 262_144, in 4096..=1_073_741_824 => live;
        /// Largest HTTP response in bytes to one request; a request for more gets an error.
        /// The default is three times the complete history. Files of the pages are shared and do not count.
        response_bytes_max: usize = 4_194_304, in 65_536..=1_073_741_824 => live;
        /// Seconds in which a new connection must send its request.
        handshake_timeout: Duration = seconds(10), in 0.1..=300.0 => live;
        /// Concurrent handshakes of one worker; beyond that, those older than a second are closed.
        /// A handshake lasts from the accepted connection to its first complete request.
        handshakes_max: usize = 2048, in 1..=1_000_000 => restart;
        /// Seconds after which a connection that has not become a WebSocket is closed, even if it is active.
        /// The default is enough for the page's largest file over a slow connection.
        http_timeout: Duration = seconds(300), in 0.1..=3600.0 => live;
        /// Seconds in which a new WebSocket must send its first valid message.
        first_message_timeout: Duration = seconds(60), in 0.5..=3600.0 => live;
        /// Seconds allowed from the first to the last byte of a message.
        message_timeout: Duration = seconds(20), in 0.5..=3600.0 => live;
        /// Seconds without received data after which a ping is sent.
        ping_after: Duration = seconds(45), in 0.1..=3600.0 => live;
        /// Seconds without received data after which a connection is closed as dead.
        dead_after: Duration = seconds(120), in 0.2..=7200.0 => live;
        /// Seconds without write progress after which a slow reader is closed, over WebSockets and HTTP.
        stuck_after: Duration = seconds(20), in 0.1..=3600.0 => live;
        /// Malformed messages per minute after which the connection is closed.
        malformed_per_minute_max: u32 = 100, in 1..=1_000_000 => live;
        /// Bytes of relays queued from other workers, per worker; more are dropped.
        inbox_bytes_max: usize = 67_108_864, in 65_536..=17_179_869_184 => restart;
    }

    /// Reverse proxies, and how they pass the client address.
    proxies: TrustedProxies {
        /// Network of a proxy that is trusted to name its clients; repeatable.
        /// `10.0.0.0/8`, `fd00::/8`, one address, or `unix` for all clients of Unix domain sockets. If none is set, all
        /// headers about clients are ignored. If one is set, `proxy+` listeners accept only these networks.
        trusted: Vec<Network> = Vec::new() => live;
        /// Header with the client address: `x-forwarded-for`, `forwarded`, or one that contains a single address.
        header: String = "x-forwarded-for".to_owned(), in HEADER => live;
        /// Seconds in which a connection to a `proxy+` listener must send its PROXY protocol header.
        proxy_timeout: Duration = seconds(5), in 0.1..=300.0 => live;
    }

    /// Limits per connection, address, web site and process, and what happens beyond them.
    limits: Limits {
        /// Sustained messages per second from one connection.
        messages_per_second: u32 = 20, in 1..=1_000_000 => live;
        /// Burst of messages from one connection.
        /// A client with 200 torrents sends such a burst when it reconnects.
        messages_burst: u32 = 500, in 1..=1_000_000 => live;
        /// Sustained relayed offers per second from one connection.
        offers_per_second: u32 = 20, in 1..=1_000_000 => live;
        /// Burst of relayed offers from one connection.
        offers_burst: u32 = 500, in 1..=1_000_000 => live;
        /// Sustained offers per second to one peer; beyond that, other peers are chosen.
        /// A page can answer a few at a time, and each costs it a WebRTC connection.
        offers_received_per_second: u32 = 10, in 1..=10_000 => live;
        /// Burst of offers to one peer.
        /// It is enough for all peers that join within the first seconds of a stream.
        offers_received_burst: u32 = 30, in 1..=100_000 => live;
        /// Percent of both limits that is reserved for offers from addresses that sent the swarm few offers recently.
        /// A flood from one address cannot use it up.
        offers_received_reserved_percent: u32 = 25, in 0..=90 => live;
        /// Sustained bytes per second from one connection.
        /// Twenty of the largest observed announces are a third of it.
        bytes_per_second: u32 = 1_048_576, in 1024..=4_294_967_295 => live;
        /// Burst of bytes from one connection.
        bytes_burst: u32 = 8_388_608, in 65_536..=4_294_967_295 => live;
        /// Longest read pause in seconds for a connection that is over its limit.
        delay_max: Duration = seconds(2), in 0.0..=60.0 => live;
        /// Seconds a connection may be slowed without a break before its messages are refused.
        patience: Duration = seconds(60), in 0.0..=3600.0 => live;
        /// Refusals per minute after which the connection is closed as a flood.
        refusals_per_minute_max: u32 = 600, in 1..=1_000_000 => live;
        /// Concurrent connections from one IPv4 address or one IPv6 /64 network, pages included.
        /// A school of a thousand users opens six for the page and one for the tracker each. A mobile carrier has
        /// thousands of customers behind one address. This many connections take 60 MB.
        address_connections_max: u32 = 8192, in 1..=4_294_967_295 => live;
        /// Sustained new WebSockets per second from one such address.
        /// This many TLS handshakes take a twentieth of a core.
        address_connections_per_second: u32 = 100, in 1..=1_000_000 => live;
        /// Burst of new WebSockets from one such address.
        /// A thousand viewers can reconnect twice after a restart.
        address_connections_burst: u32 = 2000, in 1..=1_000_000 => live;
        /// Recovery speed of one such address from its closed connections' usage, as a multiple of a connection's.
        /// A new connection inherits the usage of a closed one, but may be another client. 0 disables recovery.
        address_recovery_factor: u32 = 8, in 0..=65_536 => live;
        /// Sustained new TCP connections per second from one such address; further ones are reset unread.
        /// If unset, twice `address_connections_per_second`: pages need connections too.
        address_accepts_per_second: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// Burst of new TCP connections from one such address.
        /// If unset, seven times `address_connections_burst`: a browser opens six for the page, one for the tracker.
        address_accepts_burst: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// Number of new TCP connections that one with a failed TLS handshake or an incomplete first request counts as.
        /// A replayed ClientHello costs its sender nothing, but costs this server a signature.
        failed_handshake_cost: u32 = 10, in 1..=100_000 => live;
        /// Factor by which the limits of an IPv6 /48 network exceed those of a /64 network.
        /// A site has many networks, an attacker as many as it likes.
        network_factor: u32 = 4, in 1..=65_536 => live;
        /// Factor by which the limits of a private address (as in `10.0.0.0/8`, `fd00::/8`) exceed those of a public one.
        /// A container bridge or a NAT represents everyone behind it. This many connections take 480 MB.
        private_factor: u32 = 8, in 1..=65_536 => live;
        /// Sustained STUN requests per second from one such address; further ones are dropped.
        /// A page sends five with each announce.
        address_stun_per_second: u32 = 100, in 1..=1_000_000 => live;
        /// Burst of STUN requests from one such address.
        /// A school of four hundred can start to share at the same moment.
        address_stun_burst: u32 = 2000, in 1..=1_000_000 => live;
        /// Sustained requests for TURN credentials (`/ice`) per second from one such address.
        /// A page sends one when it opens. More credentials give an address no larger share of the relay.
        address_ice_per_second: u32 = 50, in 1..=1_000_000 => live;
        /// Burst of requests for TURN credentials from one such address.
        /// A school of a thousand that opens the page uses half of it.
        address_ice_burst: u32 = 2000, in 1..=1_000_000 => live;
        /// STUN requests per second from all addresses together; further ones are dropped.
        /// This many take a tenth of a core and 10 Mbit/s.
        stun_per_second: u32 = 20_000, in 1..=10_000_000 => live;
        /// Sustained announces and scrapes over HTTP per second from one such address.
        /// A thousand households behind one address send a third of it.
        address_http_requests_per_second: u32 = 100, in 1..=1_000_000 => live;
        /// Burst of announces and scrapes over HTTP from one such address.
        /// A client with this many torrents announces all of them when it starts.
        address_http_requests_burst: u32 = 5000, in 1..=1_000_000 => live;
        /// Peers that announce over HTTP from one such address, in all swarms together.
        address_http_peers_max: u32 = 10_000, in 1..=4_294_967_295 => live;
        /// Peers that announce over HTTP from one such address, in one swarm.
        /// A school or a carrier has several. An address that has a thousand is one program that simulates them.
        address_http_peers_per_swarm_max: usize = 32, in 1..=1_000_000 => live;
        /// Sustained processor seconds per second for HTTP requests from one such address.
        /// A tenth is a hundred page visits; WebSockets are not counted.
        address_http_time_per_second: Duration = Duration::from_millis(100), in 0.001..=1000.0 => live;
        /// Burst of processor seconds for HTTP requests from one such address.
        /// A school of a thousand that opens the page uses half of it, five thousand announces a twentieth.
        address_http_time_burst: Duration = seconds(5), in 0.01..=3600.0 => live;
        /// Bytes of queued HTTP responses to one such address.
        /// A hundred dashboards can request the history of a day at the same moment.
        address_response_bytes_max: usize = 8_388_608, in 65_536..=17_179_869_184 => live;
        /// Bytes of queued HTTP responses in total.
        response_bytes_max: usize = 33_554_432, in 65_536..=17_179_869_184 => live;
        /// Concurrent followers of the live statistics (pages and programs) from one such address.
        address_followers_max: usize = 32, in 0..=100_000 => live;
        /// Longest time in seconds that a new WebSocket waits in the queue; it is refused if it would wait longer.
        arrival_delay_max: Duration = seconds(5), in 0.0..=60.0 => live;
        /// Addresses and networks that are counted separately; further ones share the limits of one.
        addresses_max: usize = 1_000_000, in 1..=100_000_000 => live;
        /// Network that is exempt from all per-address limits and bans; repeatable.
        /// `10.0.0.0/8`, `fd00::/8`, one address, or `unix`. Default: this machine (loopback, Unix domain sockets).
        /// `0.0.0.0/0` and `::/0` together disable these limits.
        exempt: Vec<Network> = local_networks() => live;
        /// Concurrent connections from the pages of one web site (their `Origin`).
        /// If unset, one site may use the whole tracker, which usually serves only that site.
        origin_connections_max: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// Percent of the limits of a web site that one IPv4 address or IPv6 /48 network may use.
        /// Programs can send any `Origin`. A private address may use `private_factor` times as much.
        origin_address_percent: u32 = 25, in 1..=100 => live;
        /// Sustained announces per second from the pages of one web site.
        /// If unset, one site may use the whole tracker.
        origin_announces_per_second: Option<u32> = None, in 1..=1_000_000 => live;
        /// Burst of announces from the pages of one web site, if their rate is limited.
        origin_announces_burst: u32 = 1000, in 1..=1_000_000 => live;
        /// Web sites that are counted separately, if they are limited; further ones share the limit of one.
        origins_max: usize = 1024, in 1..=65_000 => live;
        /// Web sites that are counted separately because one address named them first.
        /// Further ones of that address share the limits of one. Invented sites then leave room for others.
        address_origins_max: u32 = 64, in 1..=65_000 => live;
        /// Concurrent connections of the whole process, pages included.
        /// If unset, the limit of open files decides.
        connections_max: Option<usize> = None, in 1..=100_000_000 => live;
        /// Concurrent followers of the live statistics (`/api/v1/live`), pages and programs; 0 disables it.
        /// Each takes a few kilobytes a second. Further ones poll every two seconds instead. Eight more are admitted if
        /// they send the admin token.
        followers_max: usize = 256, in 0..=100_000 => live;
        /// Wrong tokens per minute from one address; further requests are refused without reading their token.
        /// The admin API and `/metrics` are counted separately.
        /// This also applies to exempt networks and with `no_limits`.
        wrong_tokens_per_minute: u32 = 10, in 1..=100_000 => live;
        /// Wrong tokens per minute from all addresses; the admin API and `/metrics` are counted separately.
        /// Beyond that, only addresses that have sent the right token are admitted.
        all_wrong_tokens_per_minute: u32 = 100, in 1..=100_000 => live;
        /// Refused pages that are told the reason over a WebSocket at the same moment; further ones get only status 403.
        /// Browsers hide that response from pages. Each takes 20 KB for at most two seconds. 0 disables the messages.
        refusal_messages_max: usize = 64, in 0..=100_000 => live;
        /// Refused pages per second that are told the reason over a WebSocket.
        refusal_messages_per_second: u32 = 20, in 1..=100_000 => live;
        /// Number of times that an address is told before it gets only status 403, until it has not tried for two hours.
        /// An open WebSocket resets the retry delay of most clients, which a refused handshake lengthens.
        /// This also applies to exempt networks and with `no_limits`.
        address_refusal_messages_max: u32 = 3, in 1..=1_000_000 => live;
        /// Concurrent swarms; beyond that, new ones are refused.
        /// With one member each they take 600 MB.
        swarms_max: usize = 1_000_000, in 1..=1_000_000_000 => live;
        /// Peers that announce over HTTP, in all swarms together; beyond that, new ones are refused.
        /// In large swarms they take 150 MB; if each is alone in its swarm, 800 MB.
        http_peers_max: usize = 1_000_000, in 1..=1_000_000_000 => live;
        /// One address may create a swarm while its memberships are below this percentage of the free swarms.
        /// Alone it can create 90,000. A thousand greedy addresses stop at 990 each, which leaves room for others.
        /// Joining existing swarms is always allowed. 0 means no limit.
        address_swarms_percent: u32 = 10, in 0..=100 => live;
    }

    /// Which torrents may be tracked, and by whom. Changes of these files take effect within seconds (docs/access.md).
    access: Access {
        /// File of the only info-hashes that may be tracked: 40 hexadecimal digits per line.
        info_hashes_allowed: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// File of info-hashes that may not be tracked, even if allowed: 40 hexadecimal digits per line.
        info_hashes_denied: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// File of tokens, one per line; the tracker then serves only clients that send one of them.
        /// Clients use `/TOKEN/announce` or `/announce?token=TOKEN`, over WebSockets and HTTP. Pages stay open to all.
        tokens_file: Option<PathBuf> = None, in TEXT_FILE => restart;
    }

    /// How misbehaving clients are banned.
    bans: Bans {
        /// Points after which a connection is closed.
        /// A malformed message is one point. An unmatched answer and a message over a limit are a quarter each.
        connection_score_max: u32 = 150, in 1..=1_000_000 => live;
        /// Half-life of the points of a connection, in seconds.
        connection_score_half_life: Duration = seconds(60), in 1.0..=3600.0 => live;
        /// Strikes that an address may have in addition to one per connection; beyond that it is banned.
        /// A strike is a connection closed for malformed messages, broken frames, a flood, or its points.
        strikes_max: u32 = 5, in 0..=1_000_000 => live;
        /// Seconds in which several strikes of an address count as one.
        /// Therefore an address with a hundred connections is never banned for one of them.
        strike_every: Duration = seconds(10), in 0.0..=3600.0 => live;
        /// Half-life of the strikes of an address, in seconds.
        strike_half_life: Duration = seconds(600), in 1.0..=86400.0 => live;
        /// Seconds of the first ban; each further one is twice as long.
        duration_min: Duration = seconds(60), in 1.0..=604_800.0 => live;
        /// Seconds of the longest ban; the same time without a ban undoes one doubling.
        duration_max: Duration = seconds(3600), in 1.0..=604_800.0 => live;
        /// Misbehaving origins that an address may have in addition to one per connection; beyond that it is banned.
        /// At first only the page's `Origin` is banned. This limit stops programs that invent a new one each time.
        origins_max: u32 = 20, in 0..=1_000_000 => live;
        /// Also ban private addresses.
        /// Usually such an address represents everyone behind a container bridge or a NAT.
        private: bool = false => live;
        /// Bans that are stored; beyond that, the one that ends first is removed.
        records_max: usize = 10_000, in 1..=1_000_000 => live;
    }

    /// How the process stays within its memory budget.
    memory: Memory {
        /// Memory budget in bytes for the process and its sockets; 0 means 80% of the machine's or container's memory.
        /// It is ignored where the system does not report memory use (not Linux).
        budget_bytes: usize = 0, in 0..=281_474_976_710_656 => live;
        /// Percent of the budget over which new connections and new swarms are refused.
        refuse_percent: u32 = 85, in 1..=100 => live;
        /// Percent of the budget over which connections are closed, those that hold most first, HTTP included.
        shed_percent: u32 = 95, in 1..=100 => live;
    }

    /// Where alerts are sent. The rules are those of the dashboard and of docs/alerts.md.
    alerts: Alerts {
        /// URL that receives alerts when they fire and resolve, as Alertmanager webhooks (version 4); repeatable.
        webhook: Vec<AlertReceiver> = Vec::new() => live;
        /// Secret that signs requests to `webhook` and `chat`: HMAC-SHA256 in the header `x-swarmhub-signature`.
        webhook_secret: Option<Secret> = None, in 16..=256 => live;
        /// Alertmanager to push alerts to, such as `http://USER:PASSWORD@alerts.example.org:9093`; repeatable.
        alertmanager: Vec<AlertReceiver> = Vec::new() => live;
        /// URL of a chat service that receives alerts when they fire and resolve, formatted by `alerts.chat_template`.
        chat: Option<AlertReceiver> = None => live;
        /// JSON body of the requests to the chat service.
        /// {{summary}}, {{description}}, {{name}}, {{status}}, {{severity}}, {{value}} and {{instance}} are replaced.
        chat_template: String = "{\"text\":\"{{summary}}\"}".to_owned(), in CHAT_TEMPLATE => reload;
        /// URL of the dashboard, for links in alerts.
        external_url: Option<String> = None, in WEB_URL => reload;
        /// Also send to addresses that are not on the internet, including this machine's own.
        /// A change needs a restart, so that a stolen admin token cannot be used to probe your network.
        private_addresses: bool = false => restart;
        /// Seconds after which webhooks and the chat service are notified again of firing alerts, also across restarts.
        /// As with Alertmanager's `repeat_interval` and Grafana: often enough to remind, rarely enough to be read.
        repeat: Duration = seconds(14400), in 60.0..=2_592_000.0 => live;
        /// Notifications queued for one receiver; beyond that, the oldest is dropped.
        queue_max: usize = 100, in 1..=10_000 => live;
        /// Seconds for one request to a receiver, from the DNS lookup to the response.
        request_timeout: Duration = seconds(10), in 0.1..=120.0 => live;
        /// Seconds for which a failed notification is retried.
        give_up_after: Duration = seconds(3600), in 0.0..=86400.0 => live;
    }

    /// Other nodes that form one tracker with this one, joined by NATS (docs/cluster.md).
    cluster: Cluster {
        /// NATS server that joins this node to the others of its cluster; repeatable.
        /// `nats://HOST[:PORT]`, or `tls://HOST[:PORT]` to insist on TLS for all. Give all servers of a NATS cluster.
        /// If none is set, this node is a tracker by itself.
        nats: Vec<String> = Vec::new(), in NATS_URL => restart;
        /// Name of the cluster. Nodes of the same name at the same NATS servers are one tracker.
        name: String = "swarmhub".to_owned(), in CLUSTER_NAME => restart;
        /// NATS credentials file (JWT and key) of this node, as the program nsc writes it.
        credentials_file: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// Seed of the NATS nkey of this node. Prefer a file.
        nkey: Option<Secret> = None, in 58..=58 => restart;
        /// File that contains only that seed.
        nkey_file: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// PEM file with the authority that certifies the NATS servers, if it is not one that this machine trusts.
        authority: Option<PathBuf> = None, in PEM_FILE => restart;
        /// PEM file with the certificate of this node, if the NATS servers ask for one.
        certificate: Option<PathBuf> = None, in PEM_FILE => restart;
        /// PEM file with the unencrypted private key of that certificate.
        key: Option<PathBuf> = None, in PEM_FILE => restart;
        /// Secret with which the nodes sign what they send, for NATS servers that others can use too.
        /// All nodes need the same one.
        secret: Option<Secret> = None, in 16..=256 => restart;
        /// File that contains only that secret.
        secret_file: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// Report `/readyz` as ready while no NATS server is reachable. The node then serves its own clients alone.
        /// If off, a load balancer sends clients to nodes that reach the others.
        ready_when_alone: bool = true => live;
    }

    /// Graceful shutdown on SIGTERM: clients get time to move to another server.
    drain: Drain {
        /// Seconds after the signal in which open connections are served as usual and new ones are refused.
        /// This gives a load balancer time to see that `/readyz` fails. It ends early when no client is connected.
        quiet: Duration = seconds(5), in 0.0..=3600.0 => live;
        /// Seconds over which the connections are then closed, one after the other.
        /// Most clients reconnect within minutes: this sets how fast they move to another server.
        spread: Duration = seconds(10), in 0.0..=3600.0 => live;
        /// Seconds after the last close until remaining connections are dropped.
        timeout: Duration = seconds(5), in 0.0..=600.0 => live;
    }
}
