//! Writes history responses as JSON or CSV.
//!
//! The history thread renders them, because they may be long.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::history::QueryResult;
use crate::http::api::json_number::JsonNumber;
use crate::http::api::request_params::QueryParams;
use crate::http::api_error::ApiError;
use crate::http::response::{JSON, NO_STORE};
use crate::http::response_body::ChunkedText;

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
/// Makes a browser save the file.
const CSV_FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"history.csv\"");

/// The format of a history response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(in crate::http) enum HistoryFormat {
    Json,
    Csv,
}

impl HistoryFormat {
    /// Returns the requested format.
    pub(super) fn from_params(params: &QueryParams<'_>) -> Result<Self, ApiError> {
        match params.get("format").as_deref() {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(ApiError::bad_request("format must be `json` or `csv`")),
        }
    }

    /// Returns the text of a response.
    pub(super) fn render(self, answer: &QueryResult) -> ChunkedText {
        let mut text = ChunkedText::default();
        // Writing into memory cannot fail.
        let _ = match self {
            Self::Json => serde_json::to_writer(&mut text, &HistoryResponse::new(answer))
                .map_err(|_| fmt::Error),
            Self::Csv => write_csv(&mut text, answer),
        };
        text
    }

    /// Returns a response without a body.
    pub(super) fn empty_response(self) -> Response {
        match self {
            Self::Json => [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)].into_response(),
            Self::Csv => [
                (CONTENT_TYPE, CSV),
                (CACHE_CONTROL, NO_STORE),
                (CONTENT_DISPOSITION, CSV_FILE),
            ]
            .into_response(),
        }
    }
}

/// Time series. The fields are sorted, as elsewhere in the API.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HistoryResponse<'a> {
    /// The times of the points, in seconds since 1970.
    at: &'a [i64],
    /// The first time.
    #[schema(required)]
    from: Option<i64>,
    /// The series by name.
    #[schema(value_type = BTreeMap<String, HistoryValues>)]
    series: BTreeMap<&'static str, HistoryValues<'a>>,
    /// Seconds between two points.
    step: i64,
    /// The end of the last point.
    #[schema(required)]
    to: Option<i64>,
}

/// The values of one series; null if unknown.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryValues<'a> {
    /// The largest value of each point.
    #[schema(value_type = Vec<Option<f64>>)]
    max: JsonNumbers<'a>,
    #[schema(value_type = Vec<Option<f64>>)]
    mean: JsonNumbers<'a>,
    #[schema(value_type = Vec<Option<f64>>)]
    min: JsonNumbers<'a>,
}

/// A list of numbers, written as [`JsonNumber`].
#[derive(Debug)]
struct JsonNumbers<'a>(&'a [f64]);

impl Serialize for JsonNumbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|value| JsonNumber(*value)))
    }
}

impl<'a> HistoryResponse<'a> {
    fn new(answer: &'a QueryResult) -> Self {
        let values = answer.series.iter().map(|line| {
            let values = HistoryValues {
                max: JsonNumbers(&line.max),
                mean: JsonNumbers(&line.mean),
                min: JsonNumbers(&line.min),
            };
            (line.name, values)
        });
        Self {
            at: &answer.at,
            from: answer.at.first().copied(),
            series: values.collect(),
            step: answer.step,
            to: answer.at.last().map(|last| last + answer.step),
        }
    }
}

/// Writes a header line, then one line per time.
fn write_csv(text: &mut ChunkedText, answer: &QueryResult) -> fmt::Result {
    text.write_str("at")?;
    for line in &answer.series {
        write!(text, ",{0}_mean,{0}_min,{0}_max", line.name)?;
    }
    for (index, at) in answer.at.iter().enumerate() {
        write!(text, "\r\n{at}")?;
        for line in &answer.series {
            for values in [&line.mean, &line.min, &line.max] {
                match values.get(index).filter(|value| value.is_finite()) {
                    Some(value) => write!(text, ",{value}")?,
                    None => text.write_char(',')?,
                }
            }
        }
    }
    text.write_str("\r\n")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::FutureExt;

    use super::*;
    use crate::config;
    use crate::history::SeriesPoints;
    use crate::limits::{HttpResource, HttpUsage, HttpUsagePolicy};

    fn two_points() -> QueryResult {
        let line = |name, first| SeriesPoints {
            name,
            mean: vec![first, f64::NAN],
            min: vec![1.0, f64::NAN],
            max: vec![3.0, f64::NAN],
        };
        QueryResult {
            step: 10,
            at: vec![100, 110],
            series: vec![line("connections", 2.0), line("announces", 2.5)],
        }
    }

    #[test]
    fn an_answer_is_written_as_json_and_as_csv() {
        let written = |form: HistoryFormat| {
            let claim = HttpUsage::new(HttpUsagePolicy::new(&config::Limits::default()));
            let claim = claim
                .claim(HttpResource::ResponseBytes, None, 0)
                .expect("room");
            let body = form.render(&two_points()).into_body(claim);
            let bytes = to_bytes(body, usize::MAX);
            let bytes = bytes.now_or_never().expect("at once").expect("a body");
            String::from_utf8(bytes.to_vec()).expect("text")
        };
        assert_eq!(
            written(HistoryFormat::Json),
            r#"{"at":[100,110],"from":100,"series":{"announces":{"max":[3,null],"mean":[2.5,null],"min":[1,null]},"connections":{"max":[3,null],"mean":[2,null],"min":[1,null]}},"step":10,"to":120}"#
        );
        assert_eq!(
            written(HistoryFormat::Csv),
            "at,connections_mean,connections_min,connections_max,announces_mean,announces_min,announces_max\r\n\
             100,2,1,3,2.5,1,3\r\n110,,,,,,\r\n"
        );
    }
}
