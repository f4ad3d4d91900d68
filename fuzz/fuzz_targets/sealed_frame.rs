//! The frames of a sealed connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ldap::fuzz::sealed(bytes));
