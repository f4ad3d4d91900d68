//! How far a read has come, whichever controller it goes on at, and how new what it has shown is.
//!
//! Never goes back: what was learnt from one controller is demanded of the next. Trap: what a controller shows may be newer
//! than what it said of itself before, so it is asked again after everything it showed.

use super::{
    vector::Vector,
    watermark::{Position, Standing},
};
use crate::source::{ReadMode, SourceError, Watermark};

/// A read on its way.
pub(super) struct Trail {
    /// Where to continue; none: from nothing.
    pub position: Option<Position>,
    /// Where the last read ended, for a read that does not continue it.
    pub floor: Option<Position>,
    /// What has been shown, now and earlier, is not newer than this.
    pub known: Vector,
    /// Whether `known` says of the controller read no more than what was shown.
    pub is_exact: bool,
}

impl Trail {
    /// The beginning of a read.
    ///
    /// # Errors
    /// `SourceCookieRefused` if the position cannot be understood.
    pub fn begin(mode: &ReadMode, floor: Option<Position>) -> Result<Self, SourceError> {
        let (position, floor) = match mode {
            ReadMode::Delta(watermark) => (Some(Position::decode(watermark)?), None),
            ReadMode::Full | ReadMode::Backfill => (None, floor),
        };
        let before = position.as_ref().or(floor.as_ref());
        Ok(Self {
            known: before
                .map(|before| before.known.clone())
                .unwrap_or_default(),
            is_exact: before.is_some_and(|before| before.is_exact),
            position,
            floor,
        })
    }

    /// Where the last read ended, whether it is continued or not.
    pub fn before(&self) -> Option<&Position> {
        self.position.as_ref().or(self.floor.as_ref())
    }

    /// A round ended at this controller: the position from here on.
    pub fn advance(&mut self, standing: &Standing, cookie: Option<&[u8]>) -> Watermark {
        let mut next = Position::after(self.before(), standing, cookie, self.known.clone());
        next.is_exact = self.is_exact;
        let watermark = next.encode();
        self.position = Some(next);
        watermark
    }
}
