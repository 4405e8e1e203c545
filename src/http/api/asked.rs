//! What a request to the API asks for: the words behind the question mark.

use hyper::Uri;
use percent_encoding::percent_decode_str;

/// The words behind the question mark, by their names.
#[derive(Debug)]
pub(in crate::http) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(in crate::http) fn of(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// The first word with this name, decoded.
    pub(in crate::http) fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        let (_, word) = pairs.find(|(known, _)| *known == name)?;
        let word = word.replace('+', " ");
        Some(percent_decode_str(&word).decode_utf8_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded() {
        let uri = "/x?a=1%202&b=&limit=30&limit=40&plus=a+b"
            .parse::<Uri>()
            .expect("a URI");
        let words = Words::of(&uri);
        assert_eq!(words.get("a").as_deref(), Some("1 2"));
        assert_eq!(words.get("b").as_deref(), Some(""));
        assert_eq!(words.get("plus").as_deref(), Some("a b"));
        assert_eq!(words.get("limit").as_deref(), Some("30"));
        assert_eq!(words.get("c"), None);
    }
}
