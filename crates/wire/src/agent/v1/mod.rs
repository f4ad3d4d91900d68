//! Version 1 of the link.
//!
//! Control messages are JSON; objects (pages, listings, answers, ends of reads) are [`frame`]s. Every message about leased
//! work carries the lease's fence (`?fence=`): what a frozen agent sends after its lease ended is refused. Trap: fields may
//! be added to JSON messages only; a frame's form is fixed.

pub mod collected;
pub mod control;
pub mod convert;
pub mod doctor;
pub mod frame;
pub mod object;
pub mod page;
pub mod update;
pub mod work;

pub use collected::{Collected, CollectedFile, Traced};
pub use control::*;
pub use doctor::{Check, CheckState, Examination, WhoAmI, YouAre};
pub use object::*;
pub use page::{PageIn, PageOut};
pub use work::*;

/// Path prefix of every request.
pub const PREFIX: &str = "/agent/v1";
/// Media type of a frame.
pub const FRAME_MEDIA_TYPE: &str = "application/vnd.hybridge.page";
/// Longest a lease request may wait for work, in milliseconds.
pub const LONGEST_POLL_MS: u64 = 30_000;
/// Largest JSON message, in bytes.
pub const LARGEST_CONTROL_BYTES: usize = 256 << 10;
/// Largest frame as sent, in bytes.
pub const LARGEST_FRAME_BYTES: usize = 32 << 20;
/// Largest frame after decompression, in bytes.
pub const LARGEST_UNPACKED_BYTES: usize = 64 << 20;
/// Content (unpacked) above which a sender divides a page that has more than one entry, in bytes.
pub const DIVIDE_PAGE_BYTES: usize = 8 << 20;
