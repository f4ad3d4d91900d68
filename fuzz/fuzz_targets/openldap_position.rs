//! Stored positions, cookies and subschema of OpenLDAP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| connectors::ldap::fuzz::openldap_position(bytes));
