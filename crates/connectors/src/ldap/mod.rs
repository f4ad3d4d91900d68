//! LDAP directories as sources.
