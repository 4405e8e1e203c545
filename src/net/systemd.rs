//! Adopts the sockets that systemd passes (`sd_listen_fds(3)`): descriptors from 3 on, with their names.
//!
//! They stay open in systemd, so no client is refused while the server restarts.

use std::io;

use listenfd::ListenFd;

use super::{Listeners, Socket, tcp, unix};
use crate::config::{Listen, Target};

/// The passed sockets that no listener has taken yet.
pub(super) struct Handed {
    sockets: ListenFd,
    names: Vec<String>,
    /// Names that listeners request; a listener without a name does not take these.
    asked: Vec<String>,
}

impl Handed {
    /// Reads the environment if a listener needs it. This works once per process.
    pub(super) fn for_places(places: &[Listen]) -> Self {
        let mut asked = places.iter().filter_map(|listen| match &listen.target {
            Target::Systemd(name) => Some(name.clone()),
            _ => None,
        });
        let asked: Vec<_> = asked.by_ref().collect();
        if asked.is_empty() {
            return Self {
                sockets: ListenFd::empty(),
                names: Vec::new(),
                asked: Vec::new(),
            };
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            sockets: ListenFd::from_env(),
            names: names.split(':').map(str::to_owned).collect(),
            asked: asked.into_iter().flatten().collect(),
        }
    }

    /// Takes the sockets that `listen` selects, each for all workers.
    pub(super) fn take(
        &mut self,
        listen: &Listen,
        name: Option<&str>,
        workers: usize,
    ) -> io::Result<Vec<Listeners>> {
        let mut taken = Vec::new();
        for place in 0..self.sockets.len() {
            let own = self.names.get(place).map_or("unknown", String::as_str);
            let is_selected = name.map_or_else(
                || !self.asked.iter().any(|asked| asked == own),
                |name| name == own,
            );
            if is_selected {
                taken.extend(self.take_one(place, listen, workers)?);
            }
        }
        if taken.is_empty() {
            let what = "systemd has passed no such socket; start the server by a socket unit with this FileDescriptorName=";
            return Err(io::Error::other(what));
        }
        Ok(taken)
    }

    fn take_one(
        &mut self,
        place: usize,
        listen: &Listen,
        workers: usize,
    ) -> io::Result<Option<Listeners>> {
        if let Ok(socket) = self.sockets.take_tcp_listener(place) {
            let Some(socket) = socket else {
                return Ok(None);
            };
            let (address, sockets) = tcp::take(socket, workers)?;
            let sockets = sockets.into_iter().map(Socket::Tcp).collect();
            return Ok(Some(Listeners::new(listen, Target::Tcp(address), sockets)));
        }
        let Some(socket) = self.sockets.take_unix_listener(place)? else {
            return Ok(None);
        };
        let target = unix::place(&socket).unwrap_or_else(|| listen.target.clone());
        let sockets = unix::share(socket, workers)?;
        Ok(Some(Listeners::new(listen, target, sockets)))
    }
}
