//! Opening Kerberos wrap tokens (RFC 4121 §4.2.4), with everything checked that the standard says must be.
//!
//! The library below opens them too, but believes the clear header: it accepts tokens that were never encrypted, does not
//! notice repeated or reordered ones, and runs over its buffer where a header claims more than there is. Never opens what
//! this side sealed itself. Trap: the sequence begins with whatever the first token says; it is authentic as its header
//! was encrypted with the data.

use bytes::Bytes;
use picky_krb::crypto::CipherSuite;
use zeroize::Zeroizing;

use crate::error::Error;

const HEADER_BYTES: usize = 16;
const TOKEN_ID: [u8; 2] = [5, 4];
/// RFC 3962 §6: a block of confounder in front, 96 bits of checksum behind.
const CONFOUNDER_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 12;
const SENT_BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
/// RFC 4121 §2 Key Derivation for Per-Message Tokens: KG-USAGE-ACCEPTOR-SEAL
const ACCEPTOR_SEAL: i32 = 22;

/// Opens the tokens of the accepting side, in their order.
pub(crate) struct Opener {
    suite: CipherSuite,
    key: Zeroizing<Vec<u8>>,
    expected: Option<u64>,
}

impl Opener {
    /// With the context's key; only AES keys are known.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        let suite = match key.len() {
            16 => CipherSuite::Aes128CtsHmacSha196,
            32 => CipherSuite::Aes256CtsHmacSha196,
            _ => return Err(Error::BadToken("its session key is no AES key".into())),
        };
        Ok(Self {
            suite,
            key: Zeroizing::new(key.to_vec()),
            expected: None,
        })
    }

    /// What is in a token.
    pub fn open(&mut self, token: &[u8]) -> Result<Bytes, Error> {
        let header = Header::read(token)?;
        let sealed = token.get(HEADER_BYTES..).unwrap_or_default();
        let least = CONFOUNDER_BYTES + HEADER_BYTES + CHECKSUM_BYTES + header.filler;
        if sealed.len() < least {
            return Err(Error::Broken("a token is too short"));
        }
        let mut plain = self.decrypt(sealed, header.rotation)?;
        let text_bytes = plain
            .len()
            .checked_sub(HEADER_BYTES + header.filler)
            .ok_or(Error::Broken("a token is too short"))?;
        if plain.get(text_bytes + header.filler..) != Some(&header.inner) {
            return Err(Error::Broken("the header of a token was altered"));
        }
        if self.expected.is_some_and(|number| number != header.number) {
            return Err(Error::Broken(
                "a token is missing, repeated or out of order",
            ));
        }
        self.expected = Some(header.number.wrapping_add(1));
        plain.truncate(text_bytes);
        Ok(plain.into())
    }

    fn decrypt(&self, sealed: &[u8], rotation: usize) -> Result<Vec<u8>, Error> {
        let at = match sealed.len() {
            0 => 0,
            length => rotation % length,
        };
        let (front, back) = sealed.split_at(at);
        let straight = [back, front].concat();
        self.suite
            .cipher()
            .decrypt(&self.key, ACCEPTOR_SEAL, &straight)
            .map_err(|_| Error::Broken("the checksum of a token is wrong"))
    }
}

/// What stands in clear in front of a token.
struct Header {
    filler: usize,
    rotation: usize,
    number: u64,
    /// As it must stand encrypted behind the data: without the rotation.
    inner: [u8; HEADER_BYTES],
}

impl Header {
    fn read(token: &[u8]) -> Result<Self, Error> {
        let header: &[u8; HEADER_BYTES] = token
            .first_chunk()
            .ok_or(Error::Broken("a token is too short"))?;
        let [
            id0,
            id1,
            flags,
            _,
            filler0,
            filler1,
            rotation0,
            rotation1,
            number @ ..,
        ] = *header;
        if [id0, id1] != TOKEN_ID {
            return Err(Error::Broken("what came is no wrap token"));
        }
        if flags & SEALED == 0 {
            return Err(Error::Broken("a token is not encrypted"));
        }
        if flags & SENT_BY_ACCEPTOR == 0 {
            return Err(Error::Broken("a token was sent back to its sender"));
        }
        let mut inner = *header;
        inner[6..8].fill(0);
        Ok(Self {
            filler: usize::from(u16::from_be_bytes([filler0, filler1])),
            rotation: usize::from(u16::from_be_bytes([rotation0, rotation1])),
            number: u64::from_be_bytes(number),
            inner,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [9; 32];

    fn sealed(text: &[u8], number: u64, rotation: u16) -> Vec<u8> {
        let mut header = [5, 4, SENT_BY_ACCEPTOR | SEALED, 0xff, 0, 0, 0, 0].to_vec();
        header.extend(number.to_be_bytes());
        let plain = [text, &header].concat();
        let cipher = CipherSuite::Aes256CtsHmacSha196.cipher();
        let mut body = cipher.encrypt(&KEY, ACCEPTOR_SEAL, &plain).unwrap();
        body.rotate_right(usize::from(rotation));
        header[6..8].copy_from_slice(&rotation.to_be_bytes());
        [header, body].concat()
    }

    fn opener() -> Opener {
        Opener::new(&KEY).unwrap()
    }

    #[test]
    fn tokens_open_in_their_order_and_with_any_rotation() {
        let mut opener = opener();
        for (number, rotation) in [(7, 28), (8, 0), (9, 12)] {
            let text = vec![number as u8; 1 + number as usize * 11];
            let token = sealed(&text, number, rotation);
            assert_eq!(opener.open(&token).unwrap(), text);
        }
    }

    #[test]
    fn a_repeated_a_missing_and_a_renumbered_token_are_noticed() {
        let mut opener = opener();
        let first = sealed(b"first", 7, 28);
        opener.open(&first).unwrap();
        let refuses = |opener: &mut Opener, token: &[u8], what: &str| {
            let error = opener.open(token).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        refuses(&mut opener, &first, "repeated");
        refuses(&mut opener, &sealed(b"third", 9, 28), "missing");
        let mut renumbered = first.clone();
        renumbered[15] = 8;
        refuses(&mut opener, &renumbered, "altered");
        opener.open(&sealed(b"second", 8, 28)).unwrap();
    }

    #[test]
    fn what_is_not_encrypted_or_claims_too_much_is_refused() {
        let token = sealed(b"text", 7, 28);
        let refuses = |at: usize, byte: u8, what: &str| {
            let mut token = token.clone();
            token[at] = byte;
            let error = opener().open(&token).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        refuses(2, SENT_BY_ACCEPTOR, "not encrypted");
        refuses(2, SEALED, "sent back");
        refuses(4, 0xff, "too short");
        refuses(6, 0x77, "checksum");
        refuses(0, 4, "no wrap token");
        refuses(30, token[30] ^ 1, "checksum");
    }

    proptest! {
        #[test]
        fn hostile_tokens_never_panic(
            filler in any::<u16>(), rotation in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..120)
        ) {
            let mut token = [5, 4, 3, 0xff].to_vec();
            token.extend(filler.to_be_bytes());
            token.extend(rotation.to_be_bytes());
            token.extend(body);
            prop_assert!(opener().open(&token).is_err());
        }
    }
}
