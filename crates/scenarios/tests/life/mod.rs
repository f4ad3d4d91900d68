//! A directory lives: every kind of change arrives whole, once, and is logged as what it is.

mod claims;
mod comparison;
mod conflicts;
mod cycles;
mod domains;
mod doorbell;
mod explain;
mod faulty;
mod forests;
mod groups;
mod identity;
mod idfix;
mod people;
mod places;
mod preview;
mod record;
mod scope;
mod spelling;
mod whole;
