//! Admits HTTP connections and WebSocket upgrades: asks the hub and builds the refusal response.
//!
//! A refusal is an HTTP response that people and programs can read. The connection closes after it.

use std::cell::RefCell;
use std::rc::Rc;

use axum::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::sleep;

use super::api::TEXT;
use crate::hub::Hub;
use crate::limits::Limited;
use crate::node::{ClientInfo, ConnectionPermit};

/// The admission state of one HTTP connection.
#[derive(Debug)]
pub(super) struct HttpAdmission {
    hub: Rc<Hub>,
    /// The permit that counts the connection from its first request on, for the client of the latest request.
    permit: RefCell<Option<ConnectionPermit>>,
}

impl HttpAdmission {
    pub(super) fn new(hub: &Rc<Hub>) -> Self {
        Self {
            hub: Rc::clone(hub),
            permit: RefCell::default(),
        }
    }

    /// Admits a request. The first request counts the connection. A request of another client counts it again, because
    /// a proxy sends requests of several clients over one connection. Bans are checked for each request.
    pub(super) fn admit_connection(&self, client_info: &ClientInfo) -> Result<(), Limited> {
        let permit = &mut *self.permit.borrow_mut();
        let is_same = |permit: &ConnectionPermit| permit.client() == client_info.address;
        if permit.as_ref().is_some_and(is_same) {
            return self.hub.admission().check_ban(client_info);
        }
        // Released first, so that the connection never counts twice.
        drop(permit.take());
        *permit = Some(self.hub.admission().admit_connection(client_info)?);
        Ok(())
    }

    /// Admits the upgrade to a WebSocket, after the delay that the hub sets.
    pub(super) async fn admit_upgrade(&self, client_info: &ClientInfo) -> Result<(), Limited> {
        let delay = self.hub.admission().admit_upgrade(client_info)?;
        if !delay.is_zero() {
            sleep(delay).await;
            // The address may have been banned in the meantime.
            self.hub.admission().check_ban(client_info)?;
        }
        Ok(())
    }

    /// Returns whether the connection was admitted and is counted.
    pub(super) fn has_permit(&self) -> bool {
        self.permit.borrow().is_some()
    }

    /// Takes the permit, for the owner of the upgraded connection.
    pub(super) fn take_permit(&self) -> Option<ConnectionPermit> {
        self.permit.take()
    }
}

/// Returns the response to a client that a limit refuses.
pub(super) fn limited_response(limited: Limited) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{limited}.\n")));
    *response.status_mut() =
        StatusCode::from_u16(limited.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(RETRY_AFTER, HeaderValue::from(limited.retry_after()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
