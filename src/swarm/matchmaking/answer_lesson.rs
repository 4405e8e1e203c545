//! What an answer has taught about the two members of its introduction, for the statistics.

use std::ops::Add;

/// What an answer has taught about its two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerLesson {
    /// An earlier introduction of the two was answered too, so it did not lead to a connection that lasted.
    pub is_repeated: bool,
    /// Members for which it is the first answer.
    pub first_answers: u8,
    /// How many of them got it within three seconds of their first introduction.
    pub fast_first_answers: u8,
}

impl Add for AnswerLesson {
    type Output = Self;

    /// Adds what the answer has taught about the other member.
    fn add(self, other: Self) -> Self {
        Self {
            is_repeated: self.is_repeated || other.is_repeated,
            first_answers: self.first_answers + other.first_answers,
            fast_first_answers: self.fast_first_answers + other.fast_first_answers,
        }
    }
}
