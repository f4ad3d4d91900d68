//! Answers of a directory server: frames, entries, controls, references, sync info, distinguished names.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ldap::fuzz::message(bytes));
