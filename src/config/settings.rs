//! Every setting, declared once: name, type, default, bounds, and the words an operator reads about it.
//! From this list the structs, the layers, `--help` and `print-config` are made; it holds no logic.
//! To add a setting, add one entry; numbers always have bounds (durations in seconds), and all say whether a reload can
//! change them (`live`) or not (`restart`).

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    History, IceUrl, Listen, LogFormat, Network, Receiver, Secret,
    declare::settings,
    forms::{
        ACME_DOMAIN, BASE_PATH, CHAT_TEMPLATE, FOLDER, HEADER, HTTPS_URL, LOG_LEVEL, MAIL_ADDRESS,
        ORIGIN, PEM_FILE, TEXT_FILE, WEB_DIR, WEB_URL,
    },
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Loopback addresses, and socket files.
fn this_machine() -> Vec<Network> {
    let networks = ["unix", "127.0.0.0/8", "::1"];
    networks
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect()
}

settings! {
    /// Everything an operator can set: typed, and checked when it came through [`load`](super::load) or
    /// [`Config::check`].
    pub struct Config {
        /// Address to serve tracker and page on; repeatable.
        /// `IP:PORT`, where `[::]` takes IPv6 and IPv4 and port 0 is any free port; `unix:PATH` for a socket file;
        /// `systemd` or `systemd:NAME` for sockets that a socket unit hands over. In front of it may stand, in this
        /// order: `tls+`; `proxy+` if each connection begins with a header of the PROXY protocol; `tracker+` or
        /// `pages+` to serve only that there.
        listen: Vec<Listen> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8000)).into()] => restart;
        /// Number of worker threads; 0 means one per processor core.
        workers: usize = 0, in 0..=256 => restart;
        /// Fix the announce interval, in seconds; else it follows the load.
        interval: Option<Duration> = None, in 1.0..=3600.0 => live;
        /// Turn all rate limits off, for load tests and trusted networks.
        no_limits: bool = false => live;
        /// Serve the page from this folder, not the one built in.
        /// It is laid out like `web/` of the source; a relative path starts at the working directory.
        web_dir: Option<PathBuf> = None, in WEB_DIR => restart;
        /// Path that a proxy in front leaves in what it hands on, such as `/hub`.
        /// Everything is served there and at the root. Proxies that take the path off need no setting.
        base_path: Option<String> = None, in BASE_PATH => live;
        /// Format of log lines on standard error: text or json.
        log_format: LogFormat = LogFormat::Text => restart;
        /// How much to log: off, error, warn, info, debug or trace.
        /// Parts of the program can differ: `info,swarmhub::hub=debug`.
        log_level: String = "info".to_owned(), in LOG_LEVEL => live;
        /// STUN or TURN server for pages to connect peers; repeatable.
        /// `stun:HOST[:PORT]` or `turn:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`, or `stuns:` and `turns:`
        /// for TLS. In USER and PASSWORD, %3A stands for a colon. Every visitor can read them.
        ice_server: Vec<IceUrl> = Vec::new() => reload;
        /// Web site whose pages may use this tracker; repeatable.
        /// As browsers show it, `https://example.org`. Without any, pages of every site may.
        origin: Vec<String> = Vec::new(), in ORIGIN => live;
        /// Web site whose pages may not use this tracker; repeatable.
        origin_denied: Vec<String> = Vec::new(), in ORIGIN => live;
        /// Tell everybody the totals, such as connections and announces.
        /// Never what is shared or by whom. Otherwise they are told only with the admin token. All other numbers, such as
        /// limits that were met, are told to this machine and with the admin token (see `metrics.public`).
        public_stats: bool = true => live;
        /// History of the statistics: file, memory, off or a path.
        /// `file` is `history.sqlite` in `$STATE_DIRECTORY` (systemd's `StateDirectory=`), else in
        /// `$XDG_STATE_HOME/swarmhub` or `~/.local/state/swarmhub`, else in the working directory.
        history: History = History::File => restart;
        /// Keep the 100 largest swarms too, every ten minutes for 30 days.
        /// It tells what people share, so it is off; only the admin token shows it.
        history_top_swarms: bool = false => live;
        /// Token of the admin API, which is off without one.
        /// Whoever has it may see and do all that `docs/admin.md` lists. Better in a file or a variable than as a flag,
        /// which others on this machine can see.
        admin_token: Option<Secret> = None, in 16..=256 => live;
        /// File that holds the admin token and nothing else.
        /// It is read at the start and with each reload.
        admin_token_file: Option<PathBuf> = None, in TEXT_FILE => restart;
    }

    /// TLS on listeners that begin with `tls+`, and where their certificates come from.
    tls: Tls {
        /// PEM file with a certificate and its chain; repeatable, for each one `tls.key` in the same order.
        /// A client gets the one for the name it asks for, else the first. Read again when it changes.
        certificate: Vec<PathBuf> = Vec::new(), in PEM_FILE => restart;
        /// PEM file with the private key of a certificate, without a password; repeatable.
        key: Vec<PathBuf> = Vec::new(), in PEM_FILE => restart;
        /// Make a certificate at each start, for this machine's own names and addresses.
        /// Browsers warn of it once.
        self_signed: bool = false => restart;
        /// Domain to get a certificate for from an ACME directory such as Let's Encrypt; repeatable.
        /// By giving one you agree to the directory's terms. Port 443 of the domain has to lead to a `tls+` listener.
        acme_domain: Vec<String> = Vec::new(), in ACME_DOMAIN => restart;
        /// Mail address for the ACME directory to write to; repeatable.
        acme_contact: Vec<String> = Vec::new(), in MAIL_ADDRESS => restart;
        /// Address of the ACME directory.
        /// To try things out, `https://acme-staging-v02.api.letsencrypt.org/directory`.
        acme_directory: String = "https://acme-v02.api.letsencrypt.org/directory".to_owned(), in HTTPS_URL => restart;
        /// Folder where account and certificate of the ACME directory are kept.
        /// Needed with `acme_domain`: directories give only a few certificates a week.
        acme_cache: Option<PathBuf> = None, in FOLDER => restart;
        /// PEM file with authorities that may vouch for the ACME directory, besides those that browsers trust.
        acme_authority: Option<PathBuf> = None, in PEM_FILE => restart;
        /// Seconds for which browsers shall come back over TLS alone (HSTS); 0 tells them nothing.
        /// Half a year: a visitor who comes now and then stays covered. Nothing is told with `tls.self_signed`, which
        /// browsers would no longer let their users accept, or beside a plain listener that they could reach no more.
        hsts_max_age: Duration = seconds(15_552_000), in 0.0..=63_072_000.0 => live;
        /// Seconds a new connection has for the TLS handshake.
        handshake_timeout: Duration = seconds(10), in 0.1..=300.0 => restart;
    }

    /// Where `/metrics` is told, and to whom.
    metrics: Metrics {
        /// Address to tell `/metrics` on, and nowhere else then; repeatable.
        /// As `listen`, without `tracker+` and `pages+`. Unless given, it is told wherever pages are served.
        listen: Vec<Listen> = Vec::new() => restart;
        /// Token to be shown for `/metrics` (`Authorization: Bearer TOKEN`).
        /// Unless given, everybody may read the totals in it; the rest is for the admin token and for this machine.
        token: Option<Secret> = None, in 16..=256 => live;
        /// Tell everybody every number, in `/metrics`, the API and the dashboard, and not the totals alone.
        /// An attacker can then watch how near the server is to its limits, and what it refuses. Needs `public_stats`.
        public: bool = false => live;
    }

    /// What the tracker tells peers and how much it keeps for them.
    tracker: Tracker {
        /// Announce interval in seconds while the tracker has little to do.
        interval_min: Duration = seconds(45), in 1.0..=3600.0 => live;
        /// Announce interval in seconds under full load; in between it grows linearly.
        interval_max: Duration = seconds(120), in 1.0..=3600.0 => live;
        /// Announces per second and worker that count as full load.
        busy_announces_per_second: u32 = 2000, in 1..=1_000_000 => live;
        /// Seconds without an announce after which a peer is forgotten.
        /// Unless set, three times the longest interval handed out, and at least 180.
        membership_ttl: Option<Duration> = None, in 1.0..=86400.0 => live;
        /// Offers of one announce that are passed on; the rest is ignored.
        offers_per_announce_max: usize = 20, in 0..=1000 => live;
        /// Offers of one peer in one swarm that may wait for their answer; the oldest goes.
        pending_offers_max: usize = 256, in 1..=65536 => live;
        /// Seconds an offer waits for its answer; WebRTC gives up sooner.
        pending_offer_ttl: Duration = seconds(120), in 1.0..=3600.0 => live;
        /// Swarms one connection may be in at the same time.
        memberships_max: usize = 2000, in 1..=1_000_000 => live;
        /// Peer ids one connection may use in one swarm; the oldest goes.
        peer_ids_per_swarm_max: usize = 4, in 1..=1000 => live;
        /// Info-hashes of one scrape that are answered; the rest is ignored.
        scrape_hashes_max: usize = 255, in 1..=65536 => live;
        /// Answer a scrape without info-hashes with all swarms.
        /// It shows everybody what is shared here.
        full_scrape: bool = false => live;
        /// Serve programs that announce over HTTP, at `/announce` and `/scrape`.
        /// They are told of each other; with the clients of WebSockets they share the counts.
        http: bool = true => live;
        /// Announce interval in seconds over HTTP.
        http_interval: Duration = seconds(600), in 1.0..=86400.0 => live;
        /// Seconds that programs shall let pass between two announces over HTTP, whatever happens.
        http_interval_min: Duration = seconds(60), in 1.0..=86400.0 => live;
        /// Seconds without an announce over HTTP after which a peer is forgotten.
        /// Unless set, three times `http_interval`.
        http_membership_ttl: Option<Duration> = None, in 1.0..=604_800.0 => live;
        /// Peers of each kind of address, IPv4 and IPv6, that one reply over HTTP lists.
        http_peers_per_reply_max: usize = 82, in 0..=500 => live;
    }

    /// Sizes and deadlines of one WebSocket connection.
    connection: Connection {
        /// Bytes of the largest message or frame that is read; a larger one ends the connection.
        message_bytes_max: usize = 131_072, in 1024..=16_777_216 => live;
        /// Bytes of the largest offer or answer (SDP) that is passed on.
        sdp_bytes_max: usize = 32_768, in 256..=16_777_216 => live;
        /// Levels of nesting allowed in a message's JSON.
        json_depth_max: usize = 32, in 4..=128 => live;
        /// Bytes that may wait to be sent to one connection; relays beyond that are dropped.
        output_bytes_max: usize = 262_144, in 4096..=1_073_741_824 => live;
        /// Bytes of the largest HTTP response that is made for one request; who asks for more is told so.
        /// Three times all the history there is. Files of the pages are shared, and count for nobody.
        response_bytes_max: usize = 4_194_304, in 65_536..=1_073_741_824 => live;
        /// Seconds a new connection has for its request.
        handshake_timeout: Duration = seconds(10), in 0.1..=300.0 => live;
        /// Handshakes that one worker has under way; when there are more, those older than a second give way.
        /// A handshake is all from the accepted connection to its first whole request.
        handshakes_max: usize = 2048, in 1..=1_000_000 => restart;
        /// Seconds after which a connection that has not become a WebSocket is closed, whatever it does.
        /// Long enough for the page's largest file on a bad line.
        http_timeout: Duration = seconds(300), in 0.1..=3600.0 => live;
        /// Seconds a new WebSocket has for its first valid message.
        first_message_timeout: Duration = seconds(60), in 0.5..=3600.0 => live;
        /// Seconds a message may take from its first byte to its last.
        message_timeout: Duration = seconds(20), in 0.5..=3600.0 => live;
        /// Seconds of silence after which a ping is sent.
        ping_after: Duration = seconds(45), in 0.1..=3600.0 => live;
        /// Seconds of silence after which the connection is taken for dead.
        dead_after: Duration = seconds(120), in 0.2..=7200.0 => live;
        /// Seconds without progress in sending after which a slow reader is dropped, over WebSockets and HTTP.
        stuck_after: Duration = seconds(20), in 0.1..=3600.0 => live;
        /// Malformed messages per minute after which the connection is closed.
        malformed_per_minute_max: u32 = 100, in 1..=1_000_000 => live;
        /// Bytes of relays that may wait to come over from other workers, for each worker; more are dropped.
        inbox_bytes_max: usize = 67_108_864, in 65_536..=17_179_869_184 => restart;
    }

    /// What stands in front of the server, and how it tells who the client is.
    proxies: Proxies {
        /// Network of a proxy that is believed about its clients; repeatable.
        /// `10.0.0.0/8`, `fd00::/8`, one address, or `unix` for whoever connects to a socket file. Without any, all
        /// headers about clients are ignored. With some, `proxy+` listeners take nobody else.
        trusted: Vec<Network> = Vec::new() => live;
        /// Header in which proxies name the client: `x-forwarded-for`, `forwarded`, or one with a single address.
        header: String = "x-forwarded-for".to_owned(), in HEADER => live;
        /// Seconds a connection to a `proxy+` listener has for the header of the PROXY protocol.
        proxy_timeout: Duration = seconds(5), in 0.1..=300.0 => live;
    }

    /// How much one connection, one address, one web site and all together may do, and what happens beyond that.
    limits: Limits {
        /// Messages per second that one connection may send for long.
        messages_per_second: u32 = 20, in 1..=1_000_000 => live;
        /// Messages that one connection may send at once.
        /// A client with 200 torrents sends as many when it reconnects.
        messages_burst: u32 = 500, in 1..=1_000_000 => live;
        /// Relayed offers per second that one connection may send for long.
        offers_per_second: u32 = 20, in 1..=1_000_000 => live;
        /// Relayed offers that one connection may send at once.
        offers_burst: u32 = 500, in 1..=1_000_000 => live;
        /// Offers per second that one peer is given for long; others are chosen instead.
        /// A page can answer a few at a time, and each costs it a WebRTC connection.
        offers_received_per_second: u32 = 10, in 1..=10_000 => live;
        /// Offers that one peer is given at once.
        /// Enough for all who join within the first seconds of a stream.
        offers_received_burst: u32 = 30, in 1..=100_000 => live;
        /// Percent of both that is for offers from addresses that have given the swarm little lately.
        /// A flood of one address cannot use it up.
        offers_received_reserved_percent: u32 = 25, in 0..=90 => live;
        /// Bytes per second that one connection may send for long.
        /// Twenty announces of the largest kind seen are a third of it.
        bytes_per_second: u32 = 1_048_576, in 1024..=4_294_967_295 => live;
        /// Bytes that one connection may send at once.
        bytes_burst: u32 = 8_388_608, in 65_536..=4_294_967_295 => live;
        /// Longest pause in seconds in reading from a connection that is over its limit.
        delay_max: Duration = seconds(2), in 0.0..=60.0 => live;
        /// Seconds a connection may stay slowed without a break before its messages are refused.
        patience: Duration = seconds(60), in 0.0..=3600.0 => live;
        /// Refusals per minute after which the connection is closed as a flood.
        refusals_per_minute_max: u32 = 600, in 1..=1_000_000 => live;
        /// Connections at once from one IPv4 address or one IPv6 network of /64, pages included.
        /// A school of a thousand opens six for the page and one for the tracker each; a mobile carrier has
        /// thousands of customers behind an address. As many take 60 MB.
        address_connections_max: u32 = 8192, in 1..=4_294_967_295 => live;
        /// New WebSockets per second from one such address for long.
        /// As many TLS handshakes are a twentieth of a core.
        address_connections_per_second: u32 = 100, in 1..=1_000_000 => live;
        /// New WebSockets from one such address at once.
        /// A thousand viewers that come back after a restart, twice.
        address_connections_burst: u32 = 2000, in 1..=1_000_000 => live;
        /// How many times as fast as a connection one such address gets back what its ended connections used up.
        /// A new connection goes on where one of them ended, but somebody else may have come. 0 forgives nothing.
        address_recovery_factor: u32 = 8, in 0..=65_536 => live;
        /// New TCP connections per second from one such address for long; those beyond are reset unread.
        /// Unless set, twice `address_connections_per_second`: pages need connections too.
        address_accepts_per_second: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// New TCP connections from one such address at once.
        /// Unless set, seven times `address_connections_burst`: a browser opens six for the page and one for the tracker.
        address_accepts_burst: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// New TCP connections that one counts as whose TLS handshake fails, or which sends no whole request.
        /// A recorded hello costs its sender nothing, this server a signature.
        failed_handshake_cost: u32 = 10, in 1..=100_000 => live;
        /// How many times as much an IPv6 network of /48 may as one of /64.
        /// A site has many networks, an attacker all that it likes.
        network_factor: u32 = 4, in 1..=65_536 => live;
        /// How many times as much a private address may as one on the internet (`10.0.0.0/8`, `fd00::/8` and the like).
        /// A container's bridge or a NAT stands for everybody behind it. As many connections take 480 MB.
        private_factor: u32 = 8, in 1..=65_536 => live;
        /// Announces and scrapes over HTTP per second from one such address for long.
        /// A thousand households behind one address send a third of it.
        address_http_requests_per_second: u32 = 100, in 1..=1_000_000 => live;
        /// Announces and scrapes over HTTP from one such address at once.
        /// A program with as many torrents sends them when it starts.
        address_http_requests_burst: u32 = 5000, in 1..=1_000_000 => live;
        /// Peers that announce over HTTP from one such address, in all swarms together.
        address_http_peers_max: u32 = 10_000, in 1..=4_294_967_295 => live;
        /// Peers that announce over HTTP from one such address, in one swarm.
        /// A school or a carrier's customers have some; an address that has a thousand is one program that claims so.
        address_http_peers_per_swarm_max: usize = 32, in 1..=1_000_000 => live;
        /// Seconds of processor time that requests over HTTP from one such address may take in a second, for long.
        /// A tenth is a hundred visits of the page; WebSockets are not counted.
        address_http_time_per_second: Duration = Duration::from_millis(100), in 0.001..=1000.0 => live;
        /// Seconds of processor time that requests over HTTP from one such address may take at once.
        /// A school of a thousand that opens the page takes half of it, five thousand announces a twentieth.
        address_http_time_burst: Duration = seconds(5), in 0.01..=3600.0 => live;
        /// Bytes of HTTP responses to one such address that may wait to be taken.
        /// A hundred dashboards that ask for the history of a day at the same moment.
        address_response_bytes_max: usize = 8_388_608, in 65_536..=17_179_869_184 => live;
        /// Bytes of HTTP responses that may wait to be taken in all.
        response_bytes_max: usize = 33_554_432, in 65_536..=17_179_869_184 => live;
        /// Pages and programs at once that follow the live statistics from one such address.
        address_followers_max: usize = 32, in 0..=100_000 => live;
        /// Longest time in seconds that a new WebSocket waits for its turn; where it would be longer, it is refused.
        arrival_delay_max: Duration = seconds(5), in 0.0..=60.0 => live;
        /// Addresses and networks that are counted; those beyond share the limits of one.
        addresses_max: usize = 1_000_000, in 1..=100_000_000 => live;
        /// Network that no limit per address and no ban applies to; repeatable.
        /// `10.0.0.0/8`, `fd00::/8`, one address, or `unix`. By default this machine: loopback and socket files.
        /// `0.0.0.0/0` and `::/0` together turn these limits off.
        exempt: Vec<Network> = this_machine() => live;
        /// Connections at once of the pages of one web site (their `Origin`).
        /// Unless set, one site may use all of the tracker: mostly it is there for that one.
        origin_connections_max: Option<u32> = None, in 1..=4_294_967_295 => live;
        /// Percentage of the limits of a web site that one IPv4 address or IPv6 network of /48 may use.
        /// Programs can name any site as their `Origin`. A private address may `private_factor` times as much.
        origin_address_percent: u32 = 25, in 1..=100 => live;
        /// Announces per second of the pages of one web site, for long.
        /// Unless set, one site may use all of the tracker.
        origin_announces_per_second: Option<u32> = None, in 1..=1_000_000 => live;
        /// Announces of the pages of one web site at once, where they have a limit.
        origin_announces_burst: u32 = 1000, in 1..=1_000_000 => live;
        /// Web sites that are counted, where they have a limit; those beyond share that of one.
        origins_max: usize = 1024, in 1..=65_000 => live;
        /// Web sites that are counted because one address has named them first.
        /// Those that it names beyond share the limits of one. Invented sites of one address so leave room for others.
        address_origins_max: u32 = 64, in 1..=65_000 => live;
        /// Connections at once of the whole process, pages included.
        /// Unless set, as many as there are open files for.
        connections_max: Option<usize> = None, in 1..=100_000_000 => live;
        /// Pages and programs at once that follow the live statistics (`/api/v1/live`); 0 turns that off.
        /// Each takes some kilobytes a second. Further ones ask every two seconds instead. Eight more may, who show the
        /// admin token.
        followers_max: usize = 256, in 0..=100_000 => live;
        /// Wrong tokens per minute from one address; what comes beyond is refused unread.
        /// The admin API and `/metrics` count by themselves.
        /// This holds for exempt networks too, and whatever `no_limits` says.
        wrong_tokens_per_minute: u32 = 10, in 1..=100_000 => live;
        /// Wrong tokens per minute from all addresses together; the admin API and `/metrics` count by themselves.
        /// Addresses from where the right one has come are let through beyond that.
        all_wrong_tokens_per_minute: u32 = 100, in 1..=100_000 => live;
        /// Swarms at once; further ones are refused while these live.
        /// With one member each they take 600 MB.
        swarms_max: usize = 1_000_000, in 1..=1_000_000_000 => live;
        /// Peers that announce over HTTP, in all swarms together; further ones are refused while these live.
        /// In large swarms they take 80 MB, each alone in its own 800 MB.
        http_peers_max: usize = 1_000_000, in 1..=1_000_000_000 => live;
        /// One address begins a swarm only while it has fewer memberships than this percentage of the swarms still free.
        /// Alone it may begin 90,000; a thousand greedy ones end at 990 each, and who has less finds room. It may always
        /// join those of others. 0 means no limit.
        address_swarms_percent: u32 = 10, in 0..=100 => live;
    }

    /// What may be tracked here, and by whom. A change of one of these files is taken up within seconds (docs/access.md).
    access: Access {
        /// File of the only info-hashes that may be tracked: 40 hexadecimal digits on each line.
        info_hashes_allowed: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// File of info-hashes that may not be tracked, whatever is allowed: 40 hexadecimal digits on each line.
        info_hashes_denied: Option<PathBuf> = None, in TEXT_FILE => restart;
        /// File of tokens, one on each line; the tracker then serves only who shows one of them.
        /// At `/TOKEN/announce` or `/announce?token=TOKEN`, over WebSockets and HTTP. Pages are open to all.
        tokens_file: Option<PathBuf> = None, in TEXT_FILE => restart;
    }

    /// How clients that misbehave are kept out.
    bans: Bans {
        /// Points after which a connection is closed.
        /// A malformed message is one point, an answer nobody waits for or a message refused as too many a quarter.
        connection_score_max: u32 = 150, in 1..=1_000_000 => live;
        /// Seconds in which the points of a connection halve.
        connection_score_half_life: Duration = seconds(60), in 1.0..=3600.0 => live;
        /// Strikes that an address may have beside one for each of its connections; with more it is banned.
        /// A strike is a connection closed for malformed messages, broken frames, a flood, or its points.
        strikes_max: u32 = 5, in 0..=1_000_000 => live;
        /// Seconds in which the strikes of an address count as one.
        /// So an address with a hundred connections is never banned for one of them.
        strike_every: Duration = seconds(10), in 0.0..=3600.0 => live;
        /// Seconds in which the strikes of an address halve.
        strike_half_life: Duration = seconds(600), in 1.0..=86400.0 => live;
        /// Seconds of a first ban; each further one is twice as long.
        duration_min: Duration = seconds(60), in 1.0..=604_800.0 => live;
        /// Seconds of the longest ban; as long without one takes a doubling back.
        duration_max: Duration = seconds(3600), in 1.0..=604_800.0 => live;
        /// Origins that may misbehave at one address beside one for each of its connections; with more it is banned.
        /// A page is first banned alone, with its `Origin`; a program that invents a new one each time is not.
        origins_max: u32 = 20, in 0..=1_000_000 => live;
        /// Ban private addresses too.
        /// Mostly one stands for everybody who comes through a container's bridge or a NAT.
        private: bool = false => live;
        /// Bans that are kept in mind; of more, the one that ends first goes.
        records_max: usize = 10_000, in 1..=1_000_000 => live;
    }

    /// How the process keeps within its memory.
    memory: Memory {
        /// Bytes of memory for the process and its sockets; 0 means four fifths of what the machine or its container has.
        /// Where the system does not tell what is used (not Linux), it is not looked at.
        budget_bytes: usize = 0, in 0..=281_474_976_710_656 => live;
        /// Percent of the budget over which new connections and new swarms are refused.
        refuse_percent: u32 = 85, in 1..=100 => live;
        /// Percent of the budget over which connections are closed, those that hold most first, HTTP included.
        shed_percent: u32 = 95, in 1..=100 => live;
    }

    /// Who is told when a rule fires, and how; the rules are those of the dashboard and of docs/alerts.md.
    alerts: Alerts {
        /// Address that gets each alert, and its end, as Alertmanager's webhook sends them (version 4); repeatable.
        webhook: Vec<Receiver> = Vec::new() => live;
        /// Secret to sign what `webhook` and `chat` get with: HMAC-SHA256, in the header `x-swarmhub-signature`.
        webhook_secret: Option<Secret> = None, in 16..=256 => live;
        /// Alertmanager that alerts are pushed to, such as `http://USER:PASSWORD@alerts.example.org:9093`; repeatable.
        alertmanager: Vec<Receiver> = Vec::new() => live;
        /// Address of a chat service that gets each alert, and its end, as `alerts.chat_template` says.
        chat: Option<Receiver> = None => live;
        /// JSON that the chat service gets.
        /// {{summary}}, {{description}}, {{name}}, {{status}}, {{severity}}, {{value}} and {{instance}} stand for
        /// what happened.
        chat_template: String = "{\"text\":\"{{summary}}\"}".to_owned(), in CHAT_TEMPLATE => reload;
        /// Address of the dashboard, for links in alerts.
        external_url: Option<String> = None, in WEB_URL => reload;
        /// Send also to addresses that are not on the internet, this machine's own included.
        /// Not without a restart: who may change settings over the network could look around in yours.
        private_addresses: bool = false => restart;
        /// Seconds after which webhooks and the chat service are told again of what still fires, over restarts too.
        /// As Alertmanager's `repeat_interval` and Grafana: often enough not to be forgotten, seldom enough to be read.
        repeat: Duration = seconds(14400), in 60.0..=2_592_000.0 => live;
        /// Notifications that may wait for one receiver; of more, the oldest goes.
        queue_max: usize = 100, in 1..=10_000 => live;
        /// Seconds a receiver has for one request, from the look-up of its name to its answer.
        request_timeout: Duration = seconds(10), in 0.1..=120.0 => live;
        /// Seconds for which a notification is tried again.
        give_up_after: Duration = seconds(3600), in 0.0..=86400.0 => live;
    }

    /// How the server leaves when it is told to by SIGTERM: nobody is lost who has somewhere else to go.
    drain: Drain {
        /// Seconds from the signal in which open connections are served as ever and new ones refused.
        /// Long enough for a load balancer to see that `/readyz` says no; it ends early when nobody is connected.
        quiet: Duration = seconds(5), in 0.0..=3600.0 => live;
        /// Seconds over which the connections are then closed, one after the other.
        /// Most come back within minutes: this is how fast they move to another server.
        spread: Duration = seconds(10), in 0.0..=3600.0 => live;
        /// Seconds after the last close until what has not ended is dropped.
        timeout: Duration = seconds(5), in 0.0..=600.0 => live;
    }
}
