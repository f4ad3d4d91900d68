//! Asking a realm's KDCs: one request, one reply, over TCP (RFC 4120 §7.2.2), the KDCs of the list one after another.
//!
//! Never retries a refusal: a KDC that answers is believed, also when it says no, unless it says that it cannot serve.
//! Trap: the library maps several of the KDC's error codes to one of its own, so the code is read here, from the reply.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::error::Error;

/// The largest reply that is accepted; a ticket with thousands of groups stays far below.
pub const MAX_REPLY_BYTES: usize = 1 << 20;
/// KRB_ERROR, [APPLICATION 30]
const KRB_ERROR: u8 = 0x7e;

/// KDC_ERR_SVC_UNAVAILABLE: that KDC cannot, another may.
const UNAVAILABLE: u32 = 29;

/// The KDCs of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kdcs {
    /// The realm, in capitals.
    pub realm: String,
    /// `host:port`, in the order they are tried.
    pub addresses: Vec<String>,
    /// How long one of them may take to answer.
    pub timeout: Duration,
}

/// A reply with the error code in it, if it is an error.
pub(crate) struct Reply {
    pub bytes: Vec<u8>,
    pub error: Option<u32>,
}

impl Kdcs {
    /// Sends a request that already has its length in front.
    pub(crate) async fn ask(&self, request: &[u8]) -> Result<Reply, Error> {
        self.ask_of(&self.addresses, request).await
    }

    /// As [`Kdcs::ask`], for another realm on the way.
    pub(crate) async fn ask_of(
        &self,
        addresses: &[String],
        request: &[u8],
    ) -> Result<Reply, Error> {
        let mut failures = Vec::new();
        for address in addresses {
            match tokio::time::timeout(self.timeout, exchange(address, request)).await {
                Ok(Ok(bytes)) => {
                    let error = error_code(bytes.get(4..).unwrap_or_default());
                    if error != Some(UNAVAILABLE) {
                        return Ok(Reply { bytes, error });
                    }
                    failures.push(format!("{address}: it is unavailable"));
                }
                Ok(Err(error)) => failures.push(format!("{address}: {error}")),
                Err(_) => failures.push(format!("{address}: no answer within {:?}", self.timeout)),
            }
        }
        Err(Error::KdcUnreachable {
            realm: self.realm.clone(),
            text: failures.join("; "),
        })
    }
}

async fn exchange(address: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut reply = vec![0; 4];
    stream.read_exact(&mut reply).await?;
    let length = match *reply.as_slice() {
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    if u64::from(length) > MAX_REPLY_BYTES as u64 {
        let text = format!("the reply claims {length} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let got = stream
        .take(u64::from(length))
        .read_to_end(&mut reply)
        .await?;
    match u64::from(length) == got as u64 {
        true => Ok(reply),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The error code in a KRB-ERROR message; `None`: it is another message.
///
/// # Source
/// RFC 4120 §5.9.1 KRB-ERROR Definition
pub(crate) fn error_code(message: &[u8]) -> Option<u32> {
    let (tag, body, _) = element(message)?;
    if tag != KRB_ERROR {
        return None;
    }
    let (_, mut fields, _) = element(body)?;
    while let Some((tag, value, rest)) = element(fields) {
        if tag == 0xa6 {
            let (_, digits, _) = element(value)?;
            let in_range = digits.len() <= 4;
            return in_range.then(|| {
                digits
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
            });
        }
        fields = rest;
    }
    None
}

/// Tag, content and what follows of a DER element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    fn kdcs(addresses: Vec<String>) -> Kdcs {
        Kdcs {
            realm: "CANAL.EXAMPLE".into(),
            addresses,
            timeout: Duration::from_secs(5),
        }
    }

    /// A KDC that gives one reply.
    async fn once(reply: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        });
        address
    }

    const PREAUTH_FAILED: &[u8] = &[
        0x7e, 0x11, 0x30, 0x0f, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa6, 3, 2, 1, 24,
    ];

    #[tokio::test]
    async fn the_error_code_is_read_from_the_reply() {
        let reply = [
            &(PREAUTH_FAILED.len() as u32).to_be_bytes()[..],
            PREAUTH_FAILED,
        ]
        .concat();
        let address = once(reply.clone()).await;
        let got = kdcs(vec![address]).ask(&[0; 4]).await.unwrap();
        assert_eq!((got.bytes, got.error), (reply, Some(24)));
    }

    #[tokio::test]
    async fn a_dead_kdc_is_passed_over_and_an_absurd_length_refused() {
        let dead = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().to_string()
        };
        let absurd = once(vec![0xff; 4]).await;
        let error = kdcs(vec![dead.clone(), absurd]).ask(&[0; 4]).await;
        let text = error.err().unwrap().to_string();
        assert!(
            text.contains("4294967295 bytes") && text.contains(&dead),
            "{text}"
        );
        let mut unavailable = PREAUTH_FAILED.to_vec();
        unavailable[18] = 29;
        let unavailable = [vec![0, 0, 0, 19], unavailable].concat();
        let unavailable = once(unavailable).await;
        let alive = once(vec![0, 0, 0, 1, 7]).await;
        let list = vec![dead, unavailable, alive];
        let got = kdcs(list).ask(&[0; 4]).await.unwrap();
        assert_eq!((got.bytes.last(), got.error), (Some(&7), None));
    }

    proptest! {
        #[test]
        fn arbitrary_replies_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = error_code(&[&[0x7e][..], &bytes].concat());
        }
    }
}
