//! OData as far as the Graph-shaped API speaks it: query options, `$filter`, pages.
//!
//! Never ignores what it does not support: that is a 400 that names it. Trap: properties are those of the collection's table;
//! one that is not there is refused as well, because a filter over a misspelt name would find nothing and say nothing.

mod filter;
mod lexer;
mod options;
mod page;

pub use filter::{Bound, Filter, Operator};
pub use options::Options;
pub use page::{collection, pick};

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared with regard to case.
    Text,
    /// A time.
    Moment,
    /// A number.
    Number,
    /// A truth value.
    Boolean,
}

/// A property that may be filtered and ordered by: its path and what it holds.
pub type Field = (&'static str, Kind);

/// What is wrong with a request, in words.
pub type Fault = String;
