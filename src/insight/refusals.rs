//! What the tracker refused, by kind and by whom or what it was about: how often, first and last.
//!
//! Kept in memory within fixed bounds, without addresses. Whoever refuses notes it here and learns whether a log line is due;
//! the admin API lists it. The time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// Names of one kind that are counted apart; strangers choose some of them.
pub const NAMES_MAX: usize = 64;
/// Bytes of a name that are kept: as many as a host name may have, and its scheme.
const NAME_BYTES_MAX: usize = 264;
/// A name that nobody was refused under for this long makes room for a new one; its count goes to [`OTHER`].
const STALE_AFTER: Duration = Duration::from_hours(1);
/// How often one kind is logged at most.
const LOG_EVERY: Duration = Duration::from_mins(1);
/// What stands for all names beyond [`NAMES_MAX`].
pub const OTHER: &str = "other";

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident $name:literal $text:literal,)+) => {
        /// What was refused, sorted by who can do something about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum RefusalKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl RefusalKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name in the log and the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// What it means and what to do, for the operator.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$kind => $text),+ }
            }
        }
    };
}

kinds! {
    /// A WebSocket handshake whose `Upgrade` a proxy has dropped; the name is the version of HTTP it came in.
    UpgradeMissing "upgrade_missing"
        "A proxy in front of the tracker drops the headers Upgrade and Connection, so that no WebSocket opens. In nginx: \
         proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";",
    /// A WebSocket of a page that may not use the tracker; the name is its origin.
    Origin "origin"
        "Pages of this origin may not use the tracker. If they shall, add it to origin, or take it out of origin_denied. If they are \
         this server's own, a proxy changes the host on the way: let it pass Host on with its port (in nginx: proxy_set_header Host \
         $http_host;), or set alerts.external_url.",
    /// A request without a good token; the name is `missing or wrong`.
    Token "token"
        "Clients show no token of access.tokens_file, or a wrong one. Give them the tracker's address with a token.",
    /// A request to the admin API or for `/metrics` with a wrong token.
    AdminToken "admin_token"
        "Somebody tried a wrong admin_token or metrics.token. If it was nobody you know, let only your own networks reach them.",
    /// An announce over HTTP whose sender has no address.
    NoAddress "no_address"
        "Announces come through a socket file and no trusted proxy names the client. Set proxies.trusted, and let the proxy send \
         proxies.header.",
    /// An announce or a WebSocket where the tracker is not served; the name says which.
    NotHere "not_here"
        "Clients ask for the tracker where it is off: at a listener for pages alone, or over HTTP without tracker.http.",
    /// An announce over HTTP that a browser sent; the name is the site that made it, if it says so.
    Page "page"
        "A web page made its visitors announce over HTTP, which would list them as peers. Nobody was listed.",
    /// An announce of a port that no peer may be listed at; the name is the port.
    Port "port"
        "A client announced a port of another service. Its user has to choose another one, from 1024 on.",
    /// A request without exactly one valid `Host`; the name says what was wrong.
    Host "host"
        "Requests without exactly one valid Host: a proxy in front that sends none or two, or a program that is none of ours.",
    /// A handshake that was wrong in another way; the name is the header that was, or `method`.
    Handshake "handshake"
        "Requests that were no valid WebSocket handshake. A proxy may change them, or a program speaks an old version.",
    /// An announce or scrape over HTTP that cannot be read, or no request at all; the name is what was wrong.
    Malformed "malformed"
        "Announces or scrapes over HTTP in which something is missing or wrong, or what is no request of HTTP: with bytes that have to \
         be escaped (HTTP), with a head of more than 16 KiB, or TLS where the listener has no tls+ in front.",
    /// An announce of a swarm that may not be here.
    InfoHash "info_hash"
        "Clients announce info-hashes that access.info_hashes_allowed or access.info_hashes_denied keeps out.",
    /// A scrape of everything.
    FullScrape "full_scrape"
        "Scrapes without info-hashes, which would list all swarms (tracker.full_scrape).",
    /// Somebody over a limit; the name is the setting.
    Limit "limit"
        "This limit was met. If honest clients meet it, raise it; many clients behind one proxy need proxies.trusted.",
    /// Somebody who is banned; the name is what for.
    Ban "ban"
        "Banned addresses came back. The bans are listed under Bans, and can be lifted there.",
    /// Somebody who came while the server was leaving.
    Draining "draining"
        "Clients came while the server was leaving; they come back to its successor.",
}

impl RefusalKind {
    /// Whether it is most likely a mistake in how the tracker is set up.
    #[must_use]
    pub const fn is_operators(self) -> bool {
        matches!(self, Self::UpgradeMissing | Self::NoAddress)
    }
}

/// What is known of one kind and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    count: u64,
    first: SystemTime,
    last: SystemTime,
}

impl Tally {
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
struct OfKind {
    names: BTreeMap<Box<str>, Tally>,
    logged: Option<SystemTime>,
    /// Since then.
    unlogged: u64,
}

/// One row of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was refused.
    pub kind: RefusalKind,
    /// Whom or what it was about.
    pub name: Box<str>,
    /// How often.
    pub count: u64,
    /// When for the first time.
    pub first: SystemTime,
    /// When last.
    pub last: SystemTime,
}

/// The record. At most [`NAMES_MAX`] names and one more for each kind.
#[derive(Debug)]
pub struct Refusals {
    since: SystemTime,
    kinds: Mutex<BTreeMap<RefusalKind, OfKind>>,
}

impl Refusals {
    /// An empty one.
    #[must_use]
    pub fn new(since: SystemTime) -> Self {
        Self {
            since,
            kinds: Mutex::default(),
        }
    }

    /// Since when it is kept.
    #[must_use]
    pub const fn since(&self) -> SystemTime {
        self.since
    }

    /// Notes a refusal. If a log line about its kind is due, gives how many there were since the last one.
    pub fn note(&self, kind: RefusalKind, name: &str, now: SystemTime) -> Option<u64> {
        let mut kinds = self.kinds.lock();
        let of_kind = kinds.entry(kind).or_default();
        of_kind.tally(name, now).add(Tally {
            count: 1,
            ..Tally::new(now)
        });
        of_kind.unlogged += 1;
        // A clock that was set back does not keep it quiet.
        let is_recent = |at: SystemTime| now.duration_since(at).is_ok_and(|past| past < LOG_EVERY);
        if of_kind.logged.is_some_and(is_recent) {
            return None;
        }
        of_kind.logged = Some(now);
        Some(std::mem::take(&mut of_kind.unlogged))
    }

    /// All that was refused, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Refused> {
        let kinds = self.kinds.lock();
        let rows = kinds.iter().flat_map(|(&kind, of_kind)| {
            of_kind.names.iter().map(move |(name, tally)| Refused {
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

impl OfKind {
    /// Where a name is counted.
    fn tally(&mut self, name: &str, now: SystemTime) -> &mut Tally {
        let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX));
        let name = name.unwrap_or_default();
        let has_room = |names: &BTreeMap<_, _>| names.len() < NAMES_MAX;
        if !self.names.contains_key(name) && !has_room(&self.names) {
            self.forget_stale(now);
        }
        let name = if self.names.contains_key(name) || has_room(&self.names) {
            name
        } else {
            OTHER
        };
        self.names
            .entry(name.into())
            .or_insert_with(|| Tally::new(now))
    }

    fn forget_stale(&mut self, now: SystemTime) {
        let is_stale = |tally: &Tally| {
            let past = now.duration_since(tally.last);
            past.is_ok_and(|past| past >= STALE_AFTER)
        };
        let stale = self
            .names
            .extract_if(.., |name, tally| &**name != OTHER && is_stale(tally));
        let sum = stale.map(|(_, tally)| tally).reduce(|mut sum, tally| {
            sum.add(tally);
            sum
        });
        if let Some(sum) = sum {
            let other = self.names.entry(OTHER.into());
            other.and_modify(|tally| tally.add(sum)).or_insert(sum);
        }
    }
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
    fn refusals_are_counted_by_kind_and_name_and_the_newest_stands_first() {
        let refusals = Refusals::new(at(0));
        for (kind, name, second) in [
            (RefusalKind::Origin, "https://a.example", 1),
            (RefusalKind::Origin, "https://b.example", 2),
            (RefusalKind::Origin, "https://a.example", 3),
            (RefusalKind::Host, "missing", 2),
        ] {
            refusals.note(kind, name, at(second));
        }
        let listed = refusals.list();
        assert_eq!(
            listed[0],
            Refused {
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
    fn names_have_a_bound_and_those_beyond_are_counted_together() {
        let refusals = Refusals::new(at(0));
        for number in 0..1000 {
            refusals.note(RefusalKind::Origin, &format!("https://{number}"), at(1));
        }
        let listed = rows(&refusals);
        assert_eq!(listed.len(), NAMES_MAX + 1);
        let other = 1000 - NAMES_MAX as u64;
        assert!(listed.contains(&(OTHER.to_owned(), other)));
        // A name is kept as long as it matters, then makes room.
        refusals.note(RefusalKind::Origin, "https://new", at(3_601));
        let listed = rows(&refusals);
        assert_eq!(
            listed,
            [("https://new".to_owned(), 1), (OTHER.to_owned(), 1000)]
        );
        let long = "é".repeat(1000);
        refusals.note(RefusalKind::Host, &long, at(1));
        assert!(
            rows(&refusals)
                .iter()
                .all(|(name, _)| name.len() <= NAME_BYTES_MAX)
        );
    }

    #[test]
    fn a_kind_is_logged_once_a_minute_with_the_count_since() {
        let refusals = Refusals::new(at(0));
        let note = |kind, second| refusals.note(kind, "x", at(second));
        assert_eq!(note(RefusalKind::Origin, 0), Some(1));
        assert_eq!(note(RefusalKind::Origin, 1), None);
        assert_eq!(note(RefusalKind::Origin, 59), None);
        assert_eq!(note(RefusalKind::Host, 59), Some(1), "each kind by itself");
        assert_eq!(note(RefusalKind::Origin, 60), Some(3));
        assert_eq!(note(RefusalKind::Origin, 10), Some(1), "a clock set back");
    }

    #[test]
    fn every_kind_says_what_to_do_and_has_a_name_of_its_own() {
        let mut names: Vec<_> = RefusalKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RefusalKind::ALL.len());
        for kind in RefusalKind::ALL {
            assert!(kind.text().ends_with(['.', ';']), "{}", kind.name());
        }
    }
}
