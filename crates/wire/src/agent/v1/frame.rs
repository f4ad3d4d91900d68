//! Frames: postcard, compressed by LZ4, with a size that is checked before anything is unpacked.
//!
//! Form: one byte of version (1), the unpacked size as 4 bytes little-endian, one LZ4 block. Never trusts the sender: a
//! frame that lies about its size, is cut, or holds more than one message is an error. Trap: postcard does not describe
//! itself, so reading a frame as the wrong message may succeed; the path says which message it is.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{LARGEST_FRAME_BYTES, LARGEST_UNPACKED_BYTES};

/// Version byte of the form above.
pub const FRAME_VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;

/// Why something is not a frame, or cannot become one.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// Too short for a header.
    #[error("frame is cut off")]
    Cut,
    /// Written by another version.
    #[error("frame has version {0}, and only version {FRAME_VERSION} is understood")]
    Version(u8),
    /// Larger than allowed.
    #[error("frame of {size} bytes is larger than the {limit} allowed")]
    TooLarge {
        /// Size it has or claims to have.
        size: usize,
        /// Limit.
        limit: usize,
    },
    /// The compressed block is damaged or not of the size it claims.
    #[error("frame cannot be decompressed")]
    Damaged,
    /// The content is not the message expected.
    #[error("frame does not hold the expected message")]
    Content,
}

/// Packs a message.
///
/// # Errors
/// [`FrameError::TooLarge`]: divide the message.
pub fn pack<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    pack_plain(&plain(message)?)
}

/// As [`pack`], for a message of about this many bytes.
///
/// # Errors
/// [`FrameError::TooLarge`]: divide the message.
pub fn pack_about<T: Serialize>(message: &T, bytes: usize) -> Result<Vec<u8>, FrameError> {
    let room = Vec::with_capacity(bytes.min(LARGEST_UNPACKED_BYTES));
    let plain = postcard::to_io(message, room).map_err(|_| FrameError::Content)?;
    pack_plain(&plain)
}

/// The message before compression: its length tells whether to divide it.
///
/// # Errors
/// [`FrameError::Content`] if it cannot be written in this form at all.
pub fn plain<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    postcard::to_stdvec(message).map_err(|_| FrameError::Content)
}

/// Packs what [`plain`] gave.
///
/// # Errors
/// [`FrameError::TooLarge`]: divide the message.
pub fn pack_plain(plain: &[u8]) -> Result<Vec<u8>, FrameError> {
    check_size(plain.len(), LARGEST_UNPACKED_BYTES)?;
    let size = u32::try_from(plain.len()).map_err(|_| FrameError::Content)?;
    let most = lz4_flex::block::get_maximum_output_size(plain.len());
    let mut frame = vec![0; HEADER_BYTES + most];
    let (head, body) = frame.split_at_mut(HEADER_BYTES);
    let packed = lz4_flex::block::compress_into(plain, body).map_err(|_| FrameError::Content)?;
    if let [version, digits @ ..] = head {
        *version = FRAME_VERSION;
        digits.copy_from_slice(&size.to_le_bytes());
    }
    frame.truncate(HEADER_BYTES + packed);
    check_size(frame.len(), LARGEST_FRAME_BYTES)?;
    Ok(frame)
}

/// Unpacks a message.
///
/// # Errors
/// Whatever is wrong with it; nothing is allocated beyond [`LARGEST_UNPACKED_BYTES`].
pub fn unpack<T: DeserializeOwned>(frame: &[u8]) -> Result<T, FrameError> {
    check_size(frame.len(), LARGEST_FRAME_BYTES)?;
    let (&version, rest) = frame.split_first().ok_or(FrameError::Cut)?;
    if version != FRAME_VERSION {
        return Err(FrameError::Version(version));
    }
    let (size, packed) = rest.split_first_chunk::<4>().ok_or(FrameError::Cut)?;
    let size = u32::from_le_bytes(*size) as usize;
    check_size(size, LARGEST_UNPACKED_BYTES)?;
    // LZ4 reaches at most 255:1, so a size beyond that is a lie that need not be allocated for.
    if size > packed.len().saturating_mul(255) {
        return Err(FrameError::Damaged);
    }
    let plain = lz4_flex::block::decompress(packed, size).map_err(|_| FrameError::Damaged)?;
    if plain.len() != size {
        return Err(FrameError::Damaged);
    }
    match postcard::take_from_bytes(&plain) {
        Ok((message, [])) => Ok(message),
        _ => Err(FrameError::Content),
    }
}

fn check_size(size: usize, limit: usize) -> Result<(), FrameError> {
    if size > limit {
        return Err(FrameError::TooLarge { size, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::v1::{Answer, Page};
    use proptest::prelude::*;

    #[test]
    fn refuses_lies_cuts_and_leftovers() {
        let good = pack(&Answer::NotFound).unwrap();
        assert_eq!(unpack::<Answer>(&good), Ok(Answer::NotFound));
        assert_eq!(unpack::<Answer>(&[]), Err(FrameError::Cut));
        assert_eq!(unpack::<Answer>(&good[..3]), Err(FrameError::Cut));
        assert_eq!(
            unpack::<Answer>(&[9, 0, 0, 0, 0]),
            Err(FrameError::Version(9))
        );
        let mut lie = good.clone();
        lie[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(
            unpack::<Answer>(&lie),
            Err(FrameError::TooLarge { .. })
        ));
        lie[1..5].copy_from_slice(&(60u32 << 20).to_le_bytes());
        assert_eq!(unpack::<Answer>(&lie), Err(FrameError::Damaged));
        let two = pack_plain(&[5, 5]).unwrap();
        assert_eq!(unpack::<Answer>(&two), Err(FrameError::Content));
        assert!(matches!(
            pack_plain(&vec![0; LARGEST_UNPACKED_BYTES + 1]),
            Err(FrameError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(body in proptest::collection::vec(any::<u8>(), 0..400), size in 0u32..2000) {
            let mut frame = vec![FRAME_VERSION];
            frame.extend_from_slice(&size.to_le_bytes());
            frame.extend_from_slice(&body);
            let _ = unpack::<Page>(&frame);
            let _ = unpack::<Page>(&body);
            if let Ok(frame) = pack_plain(&body) {
                let _ = unpack::<Page>(&frame);
            }
        }
    }
}
