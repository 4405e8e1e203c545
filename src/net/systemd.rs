//! Adopts the sockets that systemd passes (`sd_listen_fds(3)`): descriptors from 3 on, with their names.
//!
//! They stay open in systemd, so no client is refused while the server restarts.

use std::io;

use listenfd::ListenFd;

use super::{BoundListener, ListenerSocket, tcp, unix};
use crate::config::{ListenSpec, ListenTarget};

/// The passed sockets that no listener has taken yet.
pub(super) struct PassedSockets {
    sockets: ListenFd,
    names: Vec<String>,
    /// Names that listeners request; a listener without a name does not take these.
    requested: Vec<String>,
}

impl PassedSockets {
    /// Reads the environment if a listener needs it. This works once per process.
    pub(super) fn from_environment(places: &[ListenSpec]) -> Self {
        let mut requested = places.iter().filter_map(|listen| match &listen.target {
            ListenTarget::Systemd(name) => Some(name.clone()),
            _ => None,
        });
        let requested: Vec<_> = requested.by_ref().collect();
        if requested.is_empty() {
            return Self {
                sockets: ListenFd::empty(),
                names: Vec::new(),
                requested: Vec::new(),
            };
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            sockets: ListenFd::from_env(),
            names: names.split(':').map(str::to_owned).collect(),
            requested: requested.into_iter().flatten().collect(),
        }
    }

    /// Takes the sockets that `listen` selects, each for all workers.
    pub(super) fn take(
        &mut self,
        listen: &ListenSpec,
        name: Option<&str>,
        workers: usize,
    ) -> io::Result<Vec<BoundListener>> {
        let mut taken = Vec::new();
        for place in 0..self.sockets.len() {
            let own = self.names.get(place).map_or("unknown", String::as_str);
            let is_selected = name.map_or_else(
                || !self.requested.iter().any(|requested| requested == own),
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
        listen: &ListenSpec,
        workers: usize,
    ) -> io::Result<Option<BoundListener>> {
        if let Ok(socket) = self.sockets.take_tcp_listener(place) {
            let Some(socket) = socket else {
                return Ok(None);
            };
            let (address, sockets) = tcp::adopt(socket, workers)?;
            let sockets = sockets.into_iter().map(ListenerSocket::Tcp).collect();
            return Ok(Some(BoundListener::new(
                listen,
                ListenTarget::Tcp(address),
                sockets,
            )));
        }
        let Some(socket) = self.sockets.take_unix_listener(place)? else {
            return Ok(None);
        };
        let target = unix::socket_path(&socket).unwrap_or_else(|| listen.target.clone());
        let sockets = unix::duplicate(socket, workers)?;
        Ok(Some(BoundListener::new(listen, target, sockets)))
    }
}
