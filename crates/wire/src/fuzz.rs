//! Entry points for fuzzing: every message of the link, from bytes of the other side. No promise is made about them.
//!
//! What can be read must be writable and come back the same. Trap: an input that once broke something lies in `fuzz/finds`
//! and is replayed by the test below.

use serde::{Serialize, de::DeserializeOwned};

use crate::agent::v1::*;

/// A message; the first byte says which, and whether it is framed.
pub fn message(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind % 16 {
        0 => compact::<Page>(bytes),
        1 => compact::<ReadEnd>(bytes),
        2 => compact::<Listing>(bytes),
        3 => compact::<Answer>(bytes),
        4 => compact::<Ring>(bytes),
        5 => compact::<SourceFacts>(bytes),
        6 => json::<Enrol>(bytes),
        7 => json::<Enrolled>(bytes),
        8 => json::<Renew>(bytes),
        9 => json::<Renewed>(bytes),
        10 => json::<Heartbeat>(bytes),
        11 => json::<HeartbeatAnswer>(bytes),
        12 => json::<LeaseRequest>(bytes),
        13 => json::<LeaseAnswer>(bytes),
        14 => json::<Receipt>(bytes),
        _ => json::<Problem>(bytes),
    }
}

/// As it comes, and behind a frame that is in order, since no fuzzer finds the way through a compression.
fn compact<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) {
    returns(frame::unpack::<T>(bytes).ok());
    if let Ok(framed) = frame::pack_plain(bytes) {
        returns(frame::unpack::<T>(&framed).ok());
    }
}

fn returns<T: Serialize + DeserializeOwned + PartialEq>(message: Option<T>) {
    let Some(message) = message else { return };
    let again = frame::pack(&message).and_then(|frame| frame::unpack::<T>(&frame));
    assert!(
        again.is_ok_and(|again| again == message),
        "what is read can be written"
    );
}

fn json<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let text = serde_json::to_string(&message).unwrap_or_default();
    let again = serde_json::from_str::<T>(&text);
    assert!(
        again.is_ok_and(|again| again == message),
        "what is read can be written"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../../fuzz/replay.rs");

    #[test]
    fn no_message_that_was_ever_found_breaks_the_reader() {
        replay("agent_message", message);
    }
}
