//! Checks listeners, and files to be created, without binding or creating anything.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{ListenSpec, ListenTarget};

/// Returns the listeners that cannot be bound, and the reasons. A port that is in use or privileged is detected only at
/// the bind.
pub(crate) fn check_listeners(places: &[ListenSpec]) -> Vec<(ListenSpec, io::Error)> {
    let failed = places.iter().filter_map(|listen| {
        let checked = match &listen.target {
            ListenTarget::Tcp(address) => check_address(*address),
            #[cfg(unix)]
            ListenTarget::Unix(path) => super::unix::check_bindable(path),
            _ => Ok(()),
        };
        checked.err().map(|reason| (listen.clone(), reason))
    });
    failed.collect()
}

/// Checks whether this machine has an address, by binding a socket that does not listen.
fn check_address(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_unspecified() {
        return Ok(());
    }
    let mut probe = address;
    probe.set_port(0);
    let is_address_error = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput
        )
    };
    match super::tcp::bind_socket(probe, false) {
        Err(error) if is_address_error(&error) => Err(error),
        // Other errors are reported at the actual bind.
        _ => Ok(()),
    }
}

/// Checks whether files can be created in an existing folder.
///
/// # Errors
///
/// The folder does not exist, is not a folder, or is not writable.
pub(crate) fn check_writable_folder(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    check_writable(folder)
}

/// Checks whether a folder is writable, or can be created with its missing parents.
///
/// # Errors
///
/// The reason why not.
pub(crate) fn check_creatable_folder(folder: &Path) -> io::Result<()> {
    let mut folder = folder;
    loop {
        let current = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        match (check_writable_folder(current), folder.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                folder = parent;
            }
            (checked, _) => return checked,
        }
    }
}

/// Checks whether this process may write to a file, or create files in a folder.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::unistd::{AccessFlags, access};
        let wanted = if path.is_dir() {
            AccessFlags::W_OK | AccessFlags::X_OK
        } else {
            AccessFlags::W_OK | AccessFlags::R_OK
        };
        access(path, wanted).map_err(io::Error::from)
    }
    // Elsewhere the first write detects it.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_folder_can_be_created_below_a_writable_folder() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(check_creatable_folder(here.path()).is_ok());
        assert!(check_creatable_folder(&here.path().join("a/b/c")).is_ok());
        assert!(check_creatable_folder(Path::new("")).is_ok());
        for wrong in [file.clone(), file.join("a/b")] {
            let error = check_creatable_folder(&wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{wrong:?}");
        }
        assert!(check_writable_folder(&here.path().join("a")).is_err());
        assert_eq!(
            fs::read_dir(here.path()).unwrap().count(),
            1,
            "nothing is created"
        );
    }

    #[test]
    fn a_foreign_address_is_detected_without_binding_a_port() {
        let listen = |word: &str| word.parse::<ListenSpec>().unwrap();
        // An address reserved for documentation (RFC 5737).
        let places = ["192.0.2.1:80", "127.0.0.1:80", "[::]:80", "0.0.0.0:80"].map(listen);
        let failed = check_listeners(&places);
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(failed[0].0, places[0]);
        assert_eq!(failed[0].1.kind(), io::ErrorKind::AddrNotAvailable);
        // The configuration does not allow this notation, but the probe fails where the listener would.
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 80));
        assert_eq!(check_listeners(&[mapped.into()]).len(), 1);
    }
}
