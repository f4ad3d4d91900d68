//! Tokens of a server, replies of a KDC, wrap tokens and keytabs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| negotiate::fuzz::token(bytes));
