//! Entry points for fuzzing: whatever the bytes of a server, a KDC or a keytab reach. No promise is made about them.
//!
//! Never asks a KDC. Trap: an input that once broke something lies in `fuzz/finds` and is replayed by the test below.

use std::task::{Context, Poll, Waker};

use bytes::BytesMut;

use crate::{Credential, Identity, Initiator, Protection, SecurityContext, keytab};

/// Bytes of the other side; the first says which.
pub fn token(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => {
            let _ = crate::kdc::error_code(bytes);
        }
        1 => {
            if let Ok(mut opener) = crate::wrap::Opener::new(&[7; 32]) {
                let _ = opener.open(bytes);
            }
        }
        2 => {
            let _ = keytab::find(bytes, "svc@CANAL.EXAMPLE");
        }
        _ => server(bytes),
    }
}

/// The answer to the first token of an NTLM sign-in, and what follows as sealed data.
fn server(bytes: &[u8]) {
    let identity = Identity {
        account: "svc@canal.example".into(),
        credential: Credential::Password("hush".into()),
    };
    let context = Initiator::ntlm(&identity, "ldap/dc1.canal.example", Protection::Sealed);
    let Ok(mut context) = context else { return };
    let (answer, sealed) = match bytes.split_first() {
        Some((length, rest)) => rest.split_at(rest.len().min(usize::from(*length) * 4)),
        None => return,
    };
    let _ = now(context.step(&[]));
    let _ = now(context.step(answer));
    let _ = context.open(BytesMut::from(sealed));
}

/// NTLM never waits.
fn now<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../../fuzz/replay.rs");

    #[test]
    fn no_token_that_was_ever_found_breaks_the_context() {
        replay("negotiation", token);
    }
}
