//! SHA-1, which names certificates by their thumbprint.
//!
//! Never used where anything depends on its strength: it has none left. Trap: the length goes to the end in bits.

/// The digest.
///
/// # Source
/// RFC 3174 §6.1 Method 1
pub(super) fn digest(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    let bits = (message.len() as u64).wrapping_mul(8);
    padded.extend(bits.to_be_bytes());
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in padded.chunks_exact(64) {
        mix(&mut state, block);
    }
    let mut digest = [0; 20];
    let bytes = state.iter().flat_map(|word: &u32| word.to_be_bytes());
    digest
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = from);
    digest
}

fn mix(state: &mut [u32; 5], block: &[u8]) {
    let mut words: Vec<u32> = block
        .chunks_exact(4)
        .map(|bytes| {
            bytes
                .iter()
                .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
        })
        .collect();
    for at in 16..80_usize {
        let before = |back: usize| words.get(at - back).copied().unwrap_or_default();
        let word = before(3) ^ before(8) ^ before(14) ^ before(16);
        words.push(word.rotate_left(1));
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (turn, word) in words.into_iter().enumerate() {
        let (mixed, constant) = match turn {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(word)
            .wrapping_add(constant);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (word, more) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::certificate::hexadecimal;

    #[test]
    fn digests_are_those_of_the_standard() {
        for (message, expected) in [
            ("abc", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983E441C3BD26EBAAE4AA1F95129E5E54670F1",
            ),
            ("", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
        ] {
            assert_eq!(hexadecimal(&digest(message.as_bytes())), expected);
        }
    }
}
