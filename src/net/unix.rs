//! Binds Unix domain sockets. Replaces a stale socket file, never one with a live server, and removes its own on drop.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};

use super::config_check::check_writable_folder;
use super::{BoundListener, ListenerSocket};
use crate::config::{ListenSpec, ListenTarget};

/// A client needs write permission to connect: owner and group have it, so that a proxy of the same group can connect.
/// The folder may restrict access further.
const MODE: u32 = 0o660;

/// A socket file that this process created; removed on drop.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another server may have replaced the file.
    identity: (u64, u64),
}

impl SocketFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // If this fails, the next server detects the file as stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Checks whether a socket file could be bound at this path, without creating one. A live server is detected only at
/// the bind.
pub(super) fn check_bindable(path: &Path) -> io::Result<()> {
    // Refuses a path that is too long.
    std::os::unix::net::SocketAddr::from_pathname(path)?;
    match check_is_socket(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    check_writable_folder(folder.unwrap_or(Path::new(".")))
}

fn check_is_socket(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(());
    }
    let what = "a file of this name exists that is not a socket; remove it, or choose another path with --listen";
    Err(io::Error::other(what))
}

/// Binds a socket file for `workers` workers.
pub(super) fn bind(listen: &ListenSpec, path: &Path, workers: usize) -> io::Result<BoundListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    let file = SocketFile::open(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    let sockets = duplicate(listener, workers)?;
    Ok(BoundListener::new(listen, listen.target.clone(), sockets).with_file(file))
}

/// Removes a socket file without a listening server.
fn remove_stale(path: &Path) -> io::Result<()> {
    check_is_socket(path)?;
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A live server with a full backlog would block.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// Duplicates one socket for all workers: each has its own descriptor and accepts when it has time.
pub(super) fn duplicate(socket: UnixListener, workers: usize) -> io::Result<Vec<ListenerSocket>> {
    socket.set_nonblocking(true)?;
    let mut sockets = (1..workers)
        .map(|_| socket.try_clone().map(ListenerSocket::Unix))
        .collect::<io::Result<Vec<_>>>()?;
    sockets.push(ListenerSocket::Unix(socket));
    Ok(sockets)
}

/// Returns the path of a socket that another process bound; `None` if it has no file.
pub(super) fn socket_path(socket: &UnixListener) -> Option<ListenTarget> {
    let address = socket.local_addr().ok()?;
    Some(ListenTarget::Unix(address.as_pathname()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn listen(path: &Path) -> ListenSpec {
        format!("unix:{}", path.display()).parse().unwrap()
    }

    fn bind_at(path: &Path) -> io::Result<BoundListener> {
        bind(&listen(path), path, 2)
    }

    #[test]
    fn a_socket_file_is_group_accessible_and_removed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let mut listeners = bind_at(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        UnixStream::connect(&path).unwrap();
        assert!(listeners.take_socket().is_some() && listeners.take_socket().is_some());
        assert!(listeners.take_socket().is_none());
        drop(listeners);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists() && UnixStream::connect(&path).is_err());
        let _listeners = bind_at(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn live_sockets_and_other_files_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let listeners = bind_at(&path).unwrap();
        let error = bind_at(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        drop(listeners);
        fs::write(&path, "notes").unwrap();
        let error = bind_at(&path).unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    }

    #[test]
    fn another_servers_socket_file_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let first = bind_at(&path).unwrap();
        // Keeps the inode in use, so that the other file cannot have the same.
        fs::rename(&path, folder.path().join("old.sock")).unwrap();
        let _second = bind_at(&path).unwrap();
        drop(first);
        UnixStream::connect(&path).unwrap();
    }
}
