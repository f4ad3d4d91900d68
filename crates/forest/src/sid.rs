//! Security identifiers (MS-DTYP 2.4.2) between text and octets.

/// Octets of `S-1-5-21-…`, or of the hexadecimal form.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let Some(rest) = text
        .strip_prefix("S-1-")
        .or_else(|| text.strip_prefix("s-1-"))
    else {
        return unhex(text);
    };
    let mut numbers = rest.split('-');
    let authority: u64 = numbers.next()?.parse().ok()?;
    let parts: Vec<u32> = numbers.map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let count = u8::try_from(parts.len()).ok().filter(|n| *n <= 15)?;
    let mut sid = vec![1, count];
    sid.extend_from_slice(authority.to_be_bytes().get(2..)?);
    for part in parts {
        sid.extend_from_slice(&part.to_le_bytes());
    }
    Some(sid)
}

/// Octets of pairs of hexadecimal digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(text.get(place * 2..place * 2 + 2)?, 16).ok())
        .collect()
}

/// Text of the octets.
pub fn write(sid: &[u8]) -> String {
    let authority = sid
        .get(2..8)
        .unwrap_or_default()
        .iter()
        .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for part in sid.get(8..).unwrap_or_default().chunks_exact(4) {
        let number = part
            .iter()
            .rev()
            .fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte));
        text.push_str(&format!("-{number}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_are_the_same_identifier() {
        let text = "S-1-5-21-3623811015-3361044348-30300820-1013";
        let octets = read(text).unwrap();
        assert_eq!(octets.len(), 28);
        assert_eq!(write(&octets), text);
        assert_eq!(read("S-1-x"), None);
    }
}
