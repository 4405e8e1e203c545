//! Who is let in: asks the hub with the first request of a connection and for each WebSocket, and answers for it.
//!
//! A refusal is a response of HTTP, which people and programs can read; after it the connection ends.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use axum::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::sleep;

use super::api::TEXT;
use crate::hub::{Guest, Hub, Visitor};
use crate::limits::Limited;

/// The way in of one connection.
#[derive(Debug)]
pub(super) struct Door {
    hub: Rc<Hub>,
    /// Counts the connection from its first request on, for the address that the latest request came from.
    guest: RefCell<Option<(Option<IpAddr>, Guest)>>,
}

impl Door {
    pub(super) fn new(hub: &Rc<Hub>) -> Self {
        Self {
            hub: Rc::clone(hub),
            guest: RefCell::default(),
        }
    }

    /// Lets a request in. The connection is counted with its first one, and anew when another client's comes: a proxy sends those
    /// of several clients one after the other. Bans count for each.
    pub(super) fn let_in(&self, visitor: &Visitor) -> Result<(), Limited> {
        let guest = &mut *self.guest.borrow_mut();
        let is_same = |(address, _): &(Option<IpAddr>, Guest)| *address == visitor.address;
        if guest.as_ref().is_some_and(is_same) {
            return self.hub.check_ban(visitor);
        }
        // Given up first, so that the connection never counts twice.
        drop(guest.take());
        *guest = Some((visitor.address, self.hub.let_in(visitor)?));
        Ok(())
    }

    /// Lets it become a WebSocket, when its turn comes.
    pub(super) async fn let_open(&self, visitor: &Visitor) -> Result<(), Limited> {
        let wait = self.hub.let_open(visitor)?;
        if !wait.is_zero() {
            sleep(wait).await;
            // It may have been banned in the meantime.
            self.hub.check_ban(visitor)?;
        }
        Ok(())
    }

    /// Whether the connection was let in, and counts.
    pub(super) fn has_guest(&self) -> bool {
        self.guest.borrow().is_some()
    }

    /// What counts the connection, for whoever goes on with it.
    pub(super) fn take_guest(&self) -> Option<Guest> {
        self.guest.take().map(|(_, guest)| guest)
    }
}

/// What a client is told that is not let in.
pub(super) fn refusal(limited: Limited) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{limited}.\n")));
    *response.status_mut() =
        StatusCode::from_u16(limited.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(RETRY_AFTER, HeaderValue::from(limited.retry_after()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
