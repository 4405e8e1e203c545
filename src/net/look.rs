//! What can be told of places to listen on, and of files to be made, without binding or making anything.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{Listen, Target};

/// The places that cannot be listened on, and why. That a port is taken, or needs a privilege, is seen only when it is bound.
pub(crate) fn look(places: &[Listen]) -> Vec<(Listen, io::Error)> {
    let looked = places.iter().filter_map(|listen| {
        let looked = match &listen.target {
            Target::Tcp(address) => has_address(*address),
            #[cfg(unix)]
            Target::Unix(path) => super::unix::look(path),
            _ => Ok(()),
        };
        looked.err().map(|reason| (listen.clone(), reason))
    });
    looked.collect()
}

/// Whether this machine can listen at an address. Only the system knows: asked with a socket as listeners have, which does not listen.
fn has_address(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_unspecified() {
        return Ok(());
    }
    let mut probe = address;
    probe.set_port(0);
    let told = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput
        )
    };
    match super::tcp::socket(probe, false) {
        Err(error) if told(&error) => Err(error),
        // Whatever else is wrong with it is seen when it is bound.
        _ => Ok(()),
    }
}

/// Whether files can be made in a folder that is there.
///
/// # Errors
///
/// It is not there, no folder, or must not be written to.
pub(crate) fn check_folder(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    may_write(folder)
}

/// Whether a folder can be written to, or made with all those above it that are missing.
///
/// # Errors
///
/// Why not.
pub(crate) fn check_room(folder: &Path) -> io::Result<()> {
    let mut folder = folder;
    loop {
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        match (check_folder(here), folder.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => folder = above,
            (checked, _) => return checked,
        }
    }
}

/// Whether the user of this process may write to a file, or make files in a folder.
pub(crate) fn may_write(path: &Path) -> io::Result<()> {
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
    // Elsewhere it is seen when something is written.
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
    fn a_folder_can_be_made_where_the_next_one_above_is_a_folder() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(check_room(here.path()).is_ok());
        assert!(check_room(&here.path().join("a/b/c")).is_ok());
        assert!(check_room(Path::new("")).is_ok());
        for wrong in [file.clone(), file.join("a/b")] {
            let error = check_room(&wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{wrong:?}");
        }
        assert!(check_folder(&here.path().join("a")).is_err());
        assert_eq!(
            fs::read_dir(here.path()).unwrap().count(),
            1,
            "nothing is made"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_told_without_a_port_bound() {
        let listen = |word: &str| word.parse::<Listen>().unwrap();
        // An address that is for documentation alone (RFC 5737).
        let places = ["192.0.2.1:80", "127.0.0.1:80", "[::]:80", "0.0.0.0:80"].map(listen);
        let told = look(&places);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, places[0]);
        assert_eq!(told[0].1.kind(), io::ErrorKind::AddrNotAvailable);
        // Nobody writes it so in a configuration, but the probe is refused where the listener is.
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 80));
        assert_eq!(look(&[mapped.into()]).len(), 1);
    }
}
