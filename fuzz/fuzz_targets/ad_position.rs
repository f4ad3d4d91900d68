//! Stored positions of Active Directory.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| connectors::ldap::fuzz::ad_position(bytes));
