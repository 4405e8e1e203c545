//! Counts what the tracker refused, by kind and name, with the first and last time.
//!
//! The record is in memory, has fixed bounds and stores no addresses. Callers record each refusal and get back whether
//! a log line is due; the admin API lists the record. The time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// Names of one kind that are counted separately. Clients choose some of them.
pub const NAMES_PER_KIND_MAX: usize = 64;
/// Bytes of a name that are stored: the longest host name with its scheme.
const NAME_BYTES_MAX: usize = 264;
/// A name without refusals for this long makes room for a new one; its count is added to [`OTHER_NAME`].
const STALE_AFTER: Duration = Duration::from_hours(1);
/// The shortest time between two log lines of one kind.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// The name under which all names beyond [`NAMES_PER_KIND_MAX`] are counted.
pub const OTHER_NAME: &str = "other";

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident $name:literal $text:literal,)+) => {
        /// What was refused, sorted by who can fix it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum RefusalKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl RefusalKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns its name in the log and the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// Returns what it means and what the operator can do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$kind => $text),+ }
            }
        }
    };
}

kinds! {
    /// A WebSocket handshake whose `Upgrade` header a proxy dropped; the name is its HTTP version.
    UpgradeMissing "upgrade_missing"
        "A proxy in front of the tracker drops the headers Upgrade and Connection, so WebSockets cannot open. In nginx: \
         proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";",
    /// A WebSocket of a page that may not use the tracker; the name is the page's origin.
    Origin "origin"
         "Pages of this origin may not use the tracker. To allow them, add the origin to origin, or remove it from origin_denied. If \
         they are this server's own pages, a proxy changes the Host header: let it pass Host on with its port (in nginx: \
         proxy_set_header Host $http_host;), or set alerts.external_url.",
    /// A request without a valid token; the name is the origin of the page, else the protocol.
    Token "token"
        "Clients send no token of access.tokens_file, or a wrong one. Give them the tracker's address with a token.",
    /// A request to the admin API or for `/metrics` with a wrong token.
    AdminToken "admin_token"
        "A client sent a wrong admin_token or metrics.token. If you do not know the client, restrict access to your own networks.",
    /// An announce over HTTP without a known client address.
    NoAddress "no_address"
         "Announces come through a socket file, and no trusted proxy sends the client's address. Set proxies.trusted, and let the \
         proxy send proxies.header.",
    /// An announce or a WebSocket where the tracker is not served; the name is which of both.
    NoHttpTracker "not_here"
        "Clients use the tracker where it is off: on a listener for pages only, or over HTTP without tracker.http.",
    /// An announce over HTTP that a browser sent; the name is the origin of the page, if the request has it.
    WebPage "page"
        "A web page made its visitors announce over HTTP, which would list them as peers. The announces were refused.",
    /// An announce of a port at which peers may not be listed; the name is the port.
    Port "port"
        "A client announced a port of another service. Its user must choose another one, 1024 or higher.",
    /// A request without exactly one valid `Host`; the name is the error.
    Host "host"
        "Requests without exactly one valid Host: from a proxy in front that sends none or two, or from an unrelated program.",
    /// A handshake that is invalid in another way; the name is the invalid header, or `method`.
    HandshakeGuard "handshake"
        "Requests that are not a valid WebSocket handshake. A proxy may change them, or a client uses an old version.",
    /// An announce or scrape over HTTP that is invalid, or bytes that are not a request; the name is the cause.
    Malformed "malformed"
         "Announces or scrapes over HTTP with a missing or invalid parameter, or data that is not an HTTP request: unescaped bytes, \
         a head of more than 16 KiB, or TLS on a listener without tls+.",
    /// An announce of an info-hash that is not allowed.
    InfoHash "info_hash"
        "Clients announce info-hashes that access.info_hashes_allowed or access.info_hashes_denied excludes.",
    /// A full scrape.
    FullScrape "full_scrape"
        "Scrapes without info-hashes, which would list all swarms (tracker.full_scrape).",
    /// A client over a limit; the name is the setting.
    Limit "limit"
        "This limit was reached. If legitimate clients reach it, raise it; many clients behind one proxy need proxies.trusted.",
    /// A banned client; the name is the reason of the ban.
    Ban "ban"
        "Banned addresses connected again. The bans are listed under Bans, and can be lifted there.",
    /// A client that connected while the server was draining.
    Draining "draining"
        "Clients connected while the server was draining; they reconnect to its successor.",
}

impl RefusalKind {
    /// Returns whether the cause is most likely a mistake in the tracker's setup.
    #[must_use]
    pub const fn is_misconfiguration(self) -> bool {
        matches!(self, Self::UpgradeMissing | Self::NoAddress)
    }
}

/// The count of one kind and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RefusalCount {
    count: u64,
    first: SystemTime,
    last: SystemTime,
}

impl RefusalCount {
    const fn new(now: SystemTime) -> Self {
        Self {
            count: 0,
            first: now,
            last: now,
        }
    }

    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

#[derive(Debug, Default)]
struct RefusalsOfKind {
    names: BTreeMap<Box<str>, RefusalCount>,
    last_logged: Option<SystemTime>,
    /// Refusals since then.
    unlogged: u64,
}

/// One row of the record, for the admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalEntry {
    /// What was refused.
    pub kind: RefusalKind,
    /// What it was about, depending on the kind.
    pub name: Box<str>,
    /// Number of refusals.
    pub count: u64,
    /// Time of the first one.
    pub first: SystemTime,
    /// Time of the last one.
    pub last: SystemTime,
}

/// The record of refusals: at most [`NAMES_PER_KIND_MAX`] names for each kind, and [`OTHER_NAME`].
#[derive(Debug)]
pub struct Refusals {
    since: SystemTime,
    kinds: Mutex<BTreeMap<RefusalKind, RefusalsOfKind>>,
}

impl Refusals {
    /// Creates an empty record.
    #[must_use]
    pub fn new(since: SystemTime) -> Self {
        Self {
            since,
            kinds: Mutex::default(),
        }
    }

    /// Returns when the record started.
    #[must_use]
    pub const fn since(&self) -> SystemTime {
        self.since
    }

    /// Records a refusal. If a log line about its kind is due, returns the number of refusals since the last line.
    pub fn record(&self, kind: RefusalKind, name: &str, now: SystemTime) -> Option<u64> {
        let mut kinds = self.kinds.lock();
        let of_kind = kinds.entry(kind).or_default();
        of_kind.count_of(name, now).add(RefusalCount {
            count: 1,
            ..RefusalCount::new(now)
        });
        of_kind.unlogged += 1;
        // A clock that is set back must not suppress log lines.
        let is_recent =
            |at: SystemTime| now.duration_since(at).is_ok_and(|past| past < LOG_INTERVAL);
        if of_kind.last_logged.is_some_and(is_recent) {
            return None;
        }
        of_kind.last_logged = Some(now);
        Some(std::mem::take(&mut of_kind.unlogged))
    }

    /// Returns all rows, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<RefusalEntry> {
        let kinds = self.kinds.lock();
        let rows = kinds.iter().flat_map(|(&kind, of_kind)| {
            of_kind.names.iter().map(move |(name, tally)| RefusalEntry {
                kind,
                name: name.clone(),
                count: tally.count,
                first: tally.first,
                last: tally.last,
            })
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.last));
        rows
    }
}

impl RefusalsOfKind {
    /// Returns the count of a name, or of [`OTHER_NAME`] if there is no room.
    fn count_of(&mut self, name: &str, now: SystemTime) -> &mut RefusalCount {
        let name = stored_name(name);
        let has_room = |names: &BTreeMap<_, _>| names.len() < NAMES_PER_KIND_MAX;
        if !self.names.contains_key(name) && !has_room(&self.names) {
            self.merge_stale(now);
        }
        let name = if self.names.contains_key(name) || has_room(&self.names) {
            name
        } else {
            OTHER_NAME
        };
        self.names
            .entry(name.into())
            .or_insert_with(|| RefusalCount::new(now))
    }

    fn merge_stale(&mut self, now: SystemTime) {
        let is_stale = |tally: &RefusalCount| {
            let past = now.duration_since(tally.last);
            past.is_ok_and(|past| past >= STALE_AFTER)
        };
        let stale = self
            .names
            .extract_if(.., |name, tally| &**name != OTHER_NAME && is_stale(tally));
        let sum = stale.map(|(_, tally)| tally).reduce(|mut sum, tally| {
            sum.add(tally);
            sum
        });
        if let Some(sum) = sum {
            let other = self.names.entry(OTHER_NAME.into());
            other.and_modify(|tally| tally.add(sum)).or_insert(sum);
        }
    }
}

/// Returns the part of a name that is stored and logged.
#[must_use]
pub fn stored_name(name: &str) -> &str {
    let stored = name.get(..name.floor_char_boundary(NAME_BYTES_MAX));
    stored.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn rows(refusals: &Refusals) -> Vec<(String, u64)> {
        let rows = refusals.list().into_iter();
        rows.map(|row| (row.name.into(), row.count)).collect()
    }

    #[test]
    fn refusals_are_counted_by_kind_and_name_newest_first() {
        let refusals = Refusals::new(at(0));
        for (kind, name, second) in [
            (RefusalKind::Origin, "https://a.example", 1),
            (RefusalKind::Origin, "https://b.example", 2),
            (RefusalKind::Origin, "https://a.example", 3),
            (RefusalKind::Host, "missing", 2),
        ] {
            refusals.record(kind, name, at(second));
        }
        let listed = refusals.list();
        assert_eq!(
            listed[0],
            RefusalEntry {
                kind: RefusalKind::Origin,
                name: "https://a.example".into(),
                count: 2,
                first: at(1),
                last: at(3),
            }
        );
        assert_eq!(listed.len(), 3);
    }

    #[test]
    fn names_beyond_the_maximum_are_counted_together() {
        let refusals = Refusals::new(at(0));
        for number in 0..1000 {
            refusals.record(RefusalKind::Origin, &format!("https://{number}"), at(1));
        }
        let listed = rows(&refusals);
        assert_eq!(listed.len(), NAMES_PER_KIND_MAX + 1);
        let other = 1000 - NAMES_PER_KIND_MAX as u64;
        assert!(listed.contains(&(OTHER_NAME.to_owned(), other)));
        // A stale name makes room for a new one.
        refusals.record(RefusalKind::Origin, "https://new", at(3_601));
        let listed = rows(&refusals);
        assert_eq!(
            listed,
            [("https://new".to_owned(), 1), (OTHER_NAME.to_owned(), 1000)]
        );
        let long = "é".repeat(1000);
        refusals.record(RefusalKind::Host, &long, at(1));
        assert!(
            rows(&refusals)
                .iter()
                .all(|(name, _)| name.len() <= NAME_BYTES_MAX)
        );
    }

    #[test]
    fn a_kind_is_logged_once_a_minute_with_the_count_since() {
        let refusals = Refusals::new(at(0));
        let note = |kind, second| refusals.record(kind, "x", at(second));
        assert_eq!(note(RefusalKind::Origin, 0), Some(1));
        assert_eq!(note(RefusalKind::Origin, 1), None);
        assert_eq!(note(RefusalKind::Origin, 59), None);
        assert_eq!(note(RefusalKind::Host, 59), Some(1), "each kind by itself");
        assert_eq!(note(RefusalKind::Origin, 60), Some(3));
        assert_eq!(note(RefusalKind::Origin, 10), Some(1), "a clock set back");
    }

    #[test]
    fn every_kind_has_an_advice_and_a_unique_name() {
        let mut names: Vec<_> = RefusalKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RefusalKind::ALL.len());
        for kind in RefusalKind::ALL {
            assert!(kind.advice().ends_with(['.', ';']), "{}", kind.name());
        }
    }
}
