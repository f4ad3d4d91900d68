//! Writing tar files (ustar): headers, and what fills up blocks.
//!
//! Trap: lengths above eight gigabytes do not fit the octal field; they are written in the binary form GNU tar introduced, which
//! other programs read as well.

use std::io;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;
// LIMIT: bytes of a name.
const LONGEST_NAME: usize = 100;

/// Writes one file; a name that is too long is cut at its end.
///
/// # Errors
/// Of whatever is written to.
pub fn put(out: &mut impl io::Write, name: &str, content: &[u8], at: i64) -> io::Result<()> {
    let mut name = name;
    while name.len() > LONGEST_NAME {
        let mut letters = name.chars();
        letters.next_back();
        name = letters.as_str();
    }
    let length = content.len() as u64;
    out.write_all(&header(name, length, at))?;
    out.write_all(content)?;
    pad(out, length)
}

/// Writes the end.
///
/// # Errors
/// Of whatever is written to.
pub fn end(out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// Fills up to a whole block.
pub(super) fn pad(out: &mut impl io::Write, length: u64) -> io::Result<()> {
    let over = (length % BLOCK as u64) as usize;
    match over {
        0 => Ok(()),
        over => out.write_all(&[0; BLOCK][over..]),
    }
}

/// Source: POSIX.1-1988 (IEEE Std 1003.1), "ustar Interchange Format"
pub(super) fn header(name: &str, length: u64, at: i64) -> [u8; BLOCK] {
    let mut block = [0_u8; BLOCK];
    let mut put = |from: usize, bytes: &[u8]| {
        for (to, byte) in block.iter_mut().skip(from).zip(bytes) {
            *to = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    match length < 1 << 33 {
        true => put(124, format!("{length:011o}\0").as_bytes()),
        false => {
            put(124, &[0x80, 0, 0, 0]);
            put(128, &length.to_be_bytes());
        }
    }
    put(136, format!("{:011o}\0", at.max(0)).as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (to, byte) in block
        .iter_mut()
        .skip(148)
        .zip(format!("{sum:06o}\0 ").bytes())
    {
        *to = byte;
    }
    block
}
