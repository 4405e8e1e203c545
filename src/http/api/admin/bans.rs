//! Who is banned, and ending a ban.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::super::refusal::{Refusal, answer};
use super::seconds;
use crate::http::site::Shared;
use crate::limits::Key;

/// `GET /api/v1/bans`: the bans in force, the longest first.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let node = shared.node();
    let bans = node.bans(node.now()).into_iter().map(|ban| {
        json!({
            "key": ban.key.to_string(),
            "reason": ban.offence.text(),
            "left": seconds(ban.left),
            "times": ban.times,
        })
    });
    answer(&json!({ "bans": bans.collect::<Vec<_>>() }))
}

/// `DELETE /api/v1/bans/KEY`: ends a ban.
pub(super) async fn lift(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
) -> Result<Response, Refusal> {
    let lifted = Key::from_name(&key).filter(|key| shared.node().lift_ban(*key));
    let Some(key) = lifted else {
        return Err(Refusal::not_found("there is no such ban"));
    };
    shared.node().audit("ban lifted", &key.to_string());
    Ok(answer(&json!({ "lifted": key.to_string() })))
}
