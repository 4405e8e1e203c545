//! What the load has seen, and whether it is what it should have seen.

use std::fmt;

/// What the load has seen.
#[derive(Default, Clone, Copy)]
pub struct Tally {
    /// Announces with all that belongs to them.
    pub units: usize,
    pub replies: usize,
    pub offers: usize,
    pub answers: usize,
    /// Messages that did not come in time.
    pub lost: usize,
    /// Messages that came again, or that nobody waited for.
    pub duplicated: usize,
    /// Messages with other contents, or at other members, than they should be.
    pub wrong: usize,
    /// Connections that the server ended.
    pub ended: usize,
}

impl Tally {
    pub fn is_perfect(&self) -> bool {
        self.lost + self.duplicated + self.wrong + self.ended == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            replies,
            offers,
            answers,
            lost,
            duplicated,
            wrong,
            ended,
            ..
        } = self;
        write!(
            f,
            "{replies} replies, {offers} offers and {answers} answers came, each checked; "
        )?;
        write!(
            f,
            "{lost} lost, {duplicated} duplicated, {wrong} wrong, {ended} connections ended"
        )
    }
}
