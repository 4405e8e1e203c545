//! Queries to the history and their results.

/// The limit that a query counts for: unauthenticated clients share one that leaves room for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester {
    /// An unauthenticated client.
    Public,
    /// A client with the admin token.
    Operator,
}

/// A query to the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The series by name; they must be [stored](super::retained_series()).
    pub series: Vec<&'static str>,
    /// The start in Unix seconds.
    pub from: i64,
    /// The end in Unix seconds.
    pub to: i64,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// Seconds from one point to the next.
    pub step: i64,
    /// The times of the points, in Unix seconds: all steps of the range, also those without data, but none before the
    /// history begins. At most [`POINTS_MAX`](super::POINTS_MAX).
    pub at: Vec<i64>,
    /// The requested series, in the same order.
    pub series: Vec<SeriesPoints>,
}

/// One series: a value for each point, NaN where unknown. Counters are rates per second.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoints {
    /// Its name.
    pub name: &'static str,
    /// The mean from one point to the next.
    pub mean: Vec<f64>,
    /// The minimum in this time.
    pub min: Vec<f64>,
    /// The maximum in this time.
    pub max: Vec<f64>,
}

/// Why the history does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// `history` is off.
    #[error("no history is kept here: `history` is off")]
    Disabled,
    /// Too many queries are waiting.
    #[error("too many history queries at once; try again")]
    Busy,
    /// The disk is slow, or hangs.
    #[error("the history did not answer in time")]
    TimedOut,
    /// The history cannot be read.
    #[error("the history cannot be read at the moment; the server's log has the reason")]
    Unavailable,
}
