//! Randomness for expressions, made from a secret seed, so that the same object and attribute always get the same values.
//!
//! Never asks the machine for randomness. A preview therefore shows what the run will write, and evaluating rules again
//! changes nothing. Trap: whoever knows the seed knows every value made from it; it is a secret like a password.

/// A secret from which random values are made.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// This seed. It must come from a good source of randomness.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// What random values are made from: the seed, and what they are for.
#[derive(Clone, Copy, Debug)]
pub struct Chance<'a> {
    /// The secret.
    pub seed: &'a Seed,
    /// Anchor of the object.
    pub object: &'a [u8],
    /// Target attribute.
    pub attribute: &'a str,
}

/// Bytes in one block of key or input.
const BLOCK: usize = 16;

/// An endless sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 8],
    counter: u32,
    ready: [u32; 16],
    used: usize,
}

impl Stream {
    /// The sequence for this purpose.
    pub fn new(chance: &Chance<'_>) -> Self {
        let mut key = words(&chance.seed.0);
        for part in [chance.object, chance.attribute.to_lowercase().as_bytes()] {
            // The length goes first, so that no two purposes run into each other.
            absorb(&mut key, &(part.len() as u64).to_le_bytes());
            part.chunks(BLOCK).for_each(|chunk| absorb(&mut key, chunk));
        }
        Self {
            key,
            counter: 0,
            ready: [0; 16],
            used: 16,
        }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used >= self.ready.len() {
            self.ready = block(&self.key, [self.counter, 0, 0, 0]);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let word = self.ready.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        word
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }

    /// A number below `bound`, each as likely as the others; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // What is left over above the last whole multiple of the bound would make small numbers more likely.
        let most = u64::MAX - u64::MAX % bound;
        loop {
            let number = self.next_u64();
            if number < most {
                return number % bound;
            }
        }
    }

    /// The next 16 bytes.
    pub fn bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.next_u64(), self.next_u64());
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }
}

/// A new key that depends on the old one and on up to 16 bytes.
fn absorb(key: &mut [u32; 8], chunk: &[u8]) {
    let mut input = [0; BLOCK];
    input
        .iter_mut()
        .zip(chunk)
        .for_each(|(to, from)| *to = *from);
    let [a, b, c, d, ..] = words(&widened(input));
    let output = block(key, [a, b, c, d]);
    key.iter_mut().zip(output).for_each(|(to, from)| *to = from);
}

fn widened(half: [u8; BLOCK]) -> [u8; 32] {
    let mut whole = [0; 32];
    whole.iter_mut().zip(half).for_each(|(to, from)| *to = from);
    whole
}

fn words(bytes: &[u8; 32]) -> [u32; 8] {
    let mut all = [0; 8];
    for (word, chunk) in all.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = chunk
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    }
    all
}

/// One block of ChaCha20; `input` is counter and nonce.
///
/// # Source
/// RFC 8439 §2.3 The ChaCha20 Block Function
fn block(key: &[u32; 8], input: [u32; 4]) -> [u32; 16] {
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let [i0, i1, i2, i3] = input;
    let start = [
        0x6170_7865,
        0x3320_646e,
        0x7962_2d32,
        0x6b20_6574,
        k0,
        k1,
        k2,
        k3,
        k4,
        k5,
        k6,
        k7,
        i0,
        i1,
        i2,
        i3,
    ];
    let mut state = start;
    for _ in 0..10 {
        for [a, b, c, d] in [
            [0, 4, 8, 12],
            [1, 5, 9, 13],
            [2, 6, 10, 14],
            [3, 7, 11, 15],
            [0, 5, 10, 15],
            [1, 6, 11, 12],
            [2, 7, 8, 13],
            [3, 4, 9, 14],
        ] {
            quarter(&mut state, a, b, c, d);
        }
    }
    state
        .iter_mut()
        .zip(start)
        .for_each(|(word, first)| *word = word.wrapping_add(first));
    state
}

#[allow(
    clippy::indexing_slicing,
    reason = "the four places are constants below 16"
)]
fn quarter(state: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    for (to, add, turn, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[to] = state[to].wrapping_add(state[add]);
        state[turn] = (state[turn] ^ state[to]).rotate_left(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_function_gives_the_values_of_the_standard() {
        let key: Vec<u8> = (0..32).collect();
        let key = words(&key.try_into().unwrap());
        let output = block(&key, [1, 0x0900_0000, 0x4a00_0000, 0]);
        assert_eq!(
            output[..4],
            [0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3]
        );
        assert_eq!(output[15], 0x4e3c_50a2);
    }

    #[test]
    fn purposes_are_independent_and_repeatable() {
        let seed = Seed::new([7; 32]);
        let first = |object: &[u8], attribute| {
            Stream::new(&Chance {
                seed: &seed,
                object,
                attribute,
            })
            .next_u64()
        };
        assert_eq!(first(b"anchor", "password"), first(b"anchor", "Password"));
        let other = Seed::new([8; 32]);
        let elsewhere = Chance {
            seed: &other,
            object: b"anchor",
            attribute: "password",
        };
        let all = [
            first(b"anchor", "password"),
            first(b"anchorp", "assword"),
            first(b"anchor2", "password"),
            first(&[0; 17], ""),
            first(&[0; 16], "\0"),
            Stream::new(&elsewhere).next_u64(),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(format!("{seed:?}"), "Seed(…)");
    }

    #[test]
    fn numbers_below_a_bound_reach_all_and_only_those() {
        let seed = Seed::new([1; 32]);
        let mut stream = Stream::new(&Chance {
            seed: &seed,
            object: b"",
            attribute: "",
        });
        let seen: std::collections::BTreeSet<u64> = (0..500).map(|_| stream.below(10)).collect();
        assert_eq!(seen, (0..10).collect());
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }
}
