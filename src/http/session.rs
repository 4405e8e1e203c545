//! The state of one HTTP connection, shared by its requests.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::Request;
use hyper::header::{HeaderValue, ORIGIN};
use tokio::time::sleep;

use super::accepted::{AcceptedConnection, ProxyHeaderClient, RefusedPage};
use super::accounting::RequestAccounting;
use super::api::live_events::{EventsTaken, PROGRESS_TIMEOUT};
use super::connection_monitor::ConnectionMonitor;
use super::ice::IceClient;
use super::local::IsLocal;
use super::paths::needs_site;
use super::requested_site::RequestedSite;
use super::router::WorkerRouter;
use super::transport::PeerStatus;
use crate::config::ListenerRole;
use crate::ice::ProxyKind;
use crate::net::forwarded::ForwardedClient;
use crate::node::{ClientInfo, ConnectionAdmission};

/// State shared by the requests of one HTTP connection.
pub(super) struct HttpSession<H> {
    /// Monitors unsent data and memory of the connection.
    pub(super) monitor: Rc<ConnectionMonitor>,
    /// Accounting of the current request.
    pub(super) accounting: RefCell<RequestAccounting>,
    /// Status of the peer; taken when nothing more is served.
    pub(super) peer_status: RefCell<Option<Rc<dyn PeerStatus>>>,
    pub(super) router: Rc<WorkerRouter>,
    pub(super) peer: Option<IpAddr>,
    pub(super) local: Option<IpAddr>,
    pub(super) proxy_header: ProxyHeaderClient,
    pub(super) role: ListenerRole,
    pub(super) listener: u16,
    pub(super) is_brief: bool,
    pub(super) is_tls: bool,
    pub(super) handshake_guard: Cell<Option<H>>,
    pub(super) admission: ConnectionAdmission,
    /// The client; set when the connection becomes a WebSocket.
    pub(super) upgraded_client: Cell<Option<ClientInfo>>,
    /// Set when the WebSocket opens only to tell its page why it is refused.
    pub(super) refused_page: RefCell<Option<RefusedPage>>,
    /// Number of events taken; set while the last response is the live stream.
    pub(super) events_taken: RefCell<Option<EventsTaken>>,
}

impl<H> HttpSession<H> {
    /// Begins the session of an accepted connection.
    pub(super) fn new(
        accepted: AcceptedConnection<(), H>,
        router: &Rc<WorkerRouter>,
        monitor: Rc<ConnectionMonitor>,
        peer_status: Rc<dyn PeerStatus>,
    ) -> Self {
        Self {
            monitor,
            accounting: RefCell::default(),
            peer_status: RefCell::new(Some(peer_status)),
            is_tls: accepted.is_tls,
            router: Rc::clone(router),
            peer: accepted.peer,
            local: accepted.local,
            proxy_header: accepted.proxy_header,
            role: accepted.role,
            listener: accepted.listener,
            is_brief: accepted.is_brief,
            handshake_guard: Cell::new(Some(accepted.handshake_guard)),
            admission: accepted.admission,
            upgraded_client: Cell::default(),
            refused_page: RefCell::default(),
            events_taken: RefCell::default(),
        }
    }

    /// Returns how a client reached this server.
    pub(super) fn ice_client(&self, info: &ClientInfo, client: &ForwardedClient) -> IceClient {
        let proxy = match self.proxy_header {
            _ if client.is_forwarded => ProxyKind::Http,
            ProxyHeaderClient::Named => ProxyKind::ProxyHeader,
            ProxyHeaderClient::Absent | ProxyHeaderClient::Unknown => ProxyKind::None,
        };
        IceClient {
            address: info.address,
            local: self.local,
            proxy,
            is_tls: self.is_tls,
        }
    }

    /// Completes when the time limit of the connection is over. A client of the live statistics may stay while it takes
    /// events.
    pub(super) async fn time_limit_reached(&self, limit: Duration) {
        sleep(limit).await;
        let events_taken = || self.events_taken.borrow().as_ref().map(EventsTaken::count);
        let mut before = None;
        while let now @ Some(_) = events_taken()
            && now != before
        {
            before = now;
            sleep(PROGRESS_TIMEOUT).await;
        }
    }

    /// Returns whether responses can no longer be delivered.
    pub(super) fn cannot_send(&self) -> bool {
        let peer_status = self.peer_status.borrow();
        peer_status
            .as_ref()
            .is_none_or(|status| status.cannot_send())
    }

    /// Completes when the last response is the endless live stream and nothing can be delivered any more. Each chunk of
    /// the stream polls this again.
    pub(super) async fn live_stream_abandoned(&self) {
        poll_fn(|_| {
            if self.cannot_send() && self.events_taken.borrow().is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Completes when the client has closed its side.
    pub(super) async fn client_closed(&self) {
        poll_fn(|cx| match &*self.peer_status.borrow() {
            Some(status) => status.poll_read_closed(cx),
            None => Poll::Ready(()),
        })
        .await;
    }

    /// Returns whether a request comes from this machine.
    pub(super) fn is_local<B>(&self, request: &Request<B>, client: &ForwardedClient) -> IsLocal {
        let shared = self.router.shared();
        let live = shared.http_settings();
        let client = ForwardedClient {
            is_forwarded: client.is_forwarded || self.proxy_header == ProxyHeaderClient::Named,
            ..*client
        };
        IsLocal::decide(request, &client, &live.proxies, &shared.loopback_proxy)
    }

    /// Returns the client of a request, as reported by the trusted proxies in front.
    pub(super) fn resolve_client<B>(&self, request: &Request<B>) -> ForwardedClient {
        let live = self.router.shared().http_settings();
        let values = request.headers().get_all(live.proxies.header()).iter();
        let reported = live
            .proxies
            .resolve_client(self.peer, values.map(HeaderValue::as_bytes));
        ForwardedClient {
            is_malformed: reported.is_malformed || self.proxy_header == ProxyHeaderClient::Unknown,
            ..reported
        }
    }

    /// Stores the site that a request was sent to in its extensions, if the response depends on it.
    pub(super) fn insert_requested_site<B>(
        &self,
        request: &mut Request<B>,
        client: &ForwardedClient,
    ) {
        if needs_site(request.uri().path()) {
            let live = self.router.shared().http_settings();
            let connection = (self.is_tls, self.role.has_tracker());
            let site = RequestedSite::new((client, request.headers()), &live.proxies, connection);
            request.extensions_mut().insert(site);
        }
    }

    /// Returns the client details that the hub needs, and counts how the address was determined.
    pub(super) fn client_info<B>(
        &self,
        request: &Request<B>,
        client: &ForwardedClient,
    ) -> ClientInfo {
        let (headers, counters) = (request.headers(), self.router.counters());
        counters
            .addresses_forwarded
            .add(u64::from(client.is_forwarded));
        counters
            .forwarded_malformed
            .add(u64::from(client.is_malformed));
        if client.is_malformed {
            let shared = self.router.shared();
            let live = shared.http_settings();
            shared.log_unnamed_client(if self.proxy_header == ProxyHeaderClient::Unknown {
                "PROXY"
            } else {
                live.proxies.header()
            });
        }
        counters
            .forwarded_untrusted
            .add(u64::from(client.is_untrusted));
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        ClientInfo {
            address: self.admission.identify(client.address, client.is_malformed),
            origin: origin.map(Box::from),
            listener: self.listener,
        }
    }
}
