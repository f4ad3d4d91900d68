//! Entry points for fuzzing: whatever a server's bytes reach. No promise is made about them.
//!
//! Never asserts what an input means, only that nothing panics and nothing grows beyond its input. Trap: an input that once
//! broke something lies in `fuzz/finds` and is replayed by the tests below.

use bytes::{Bytes, BytesMut};

use crate::{
    BindReason, Endpoint,
    dirsync::round,
    dn,
    message::{Body, Control, Names, cut, decode},
    paged,
    range::split_range,
    sealed, sync,
};

/// A stream of messages.
pub fn message(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    let mut names = Names::default();
    while let Ok(Some(frame)) = cut(&mut buffer) {
        if let Ok(message) = decode(&frame, &mut names) {
            body(message.body);
        }
    }
}

fn body(body: Body) {
    match body {
        Body::Entry(entry, found) => {
            name(&entry.dn);
            for (description, values) in &entry.attributes {
                let _ = split_range(description);
                for text in values.iter().filter_map(|v| std::str::from_utf8(v).ok()) {
                    name(text);
                }
            }
            controls(&found);
        }
        Body::Reference(urls) => urls.iter().for_each(|url| {
            let _ = url.parse::<Endpoint>();
        }),
        Body::Done { outcome, .. } => {
            let _ = BindReason::parse(&outcome.text);
            controls(&outcome.controls);
        }
        Body::Intermediate(_, value) => {
            let _ = sync::info(&value.unwrap_or_else(Bytes::new));
        }
    }
}

fn controls(controls: &[Control]) {
    let _ = sync::state(controls);
    for value in controls
        .iter()
        .filter_map(|control| control.value.as_deref())
    {
        let _ = (round(value), sync::done(value), paged::cookie(value));
    }
}

fn name(text: &str) {
    let (_, _, plain) = dn::split_extended(text);
    let mut rest = plain;
    while !rest.is_empty() {
        let (rdn, parent) = dn::split_first(rest);
        let _ = dn::rdn_attribute(rdn);
        assert!(
            parent.len() < rest.len(),
            "splitting a name comes to an end"
        );
        rest = parent;
    }
    let value = dn::escape_value(text);
    let whole = format!("CN={value},DC=x");
    assert_eq!(
        dn::split_first(&whole).1,
        "DC=x",
        "an escaped value stays one part"
    );
}

/// A stream of sealed frames.
pub fn sealed(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = sealed::cut(&mut buffer) {
        assert!(frame.len() <= bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../../fuzz/replay.rs");

    #[test]
    fn no_answer_that_was_ever_found_breaks_the_decoder() {
        replay("ldap_message", message);
    }

    #[test]
    fn no_frame_that_was_ever_found_breaks_the_stream() {
        replay("sealed_frame", sealed);
    }
}
