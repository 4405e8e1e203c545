//! The paths that more than one module needs.

/// Needs a token if the tracker does: ICE servers may carry passwords.
pub(super) const ICE: &str = "/ice";
pub(super) const HEALTHZ: &str = "/healthz";
pub(super) const READYZ: &str = "/readyz";
/// Whether the tracker would serve a page.
pub(super) const CHECK: &str = "/api/v1/check";
pub(super) const METRICS: &str = "/metrics";
/// Paths of health and metrics probes, which are answered at any load.
pub(super) const PROBE_PATHS: [&str; 3] = [HEALTHZ, READYZ, METRICS];

/// Counts of named swarms. The second one is also the list of all swarms.
pub(super) const COUNTS: [&str; 2] = ["/api/v1/counts", "/api/v1/swarms"];

/// Returns whether the response to a path depends on the site that the request was sent to.
pub(super) fn needs_site(path: &str) -> bool {
    [ICE, CHECK].contains(&path) || COUNTS.contains(&path)
}

/// Returns whether a path belongs to the API or to the statistics, the most expensive public requests.
pub(super) fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/stats")
}
