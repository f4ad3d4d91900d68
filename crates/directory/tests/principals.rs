//! Service principals: good, missing, expired, wrong, disabled, forbidden.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use common::{Bench, create, user};
use directory::{AuthError, Fault, Kind, Role};
use jiff::SignedDuration;
use uuid::Uuid;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn a_right_secret_opens_and_leaves_its_name_on_what_it_changes() {
    let bench = Bench::new();
    let directory = bench.open();
    let new = directory
        .create_service_principal(&directory.administrator(), "sync", Role::Writer, HOUR)
        .unwrap();
    assert!(!format!("{new:?}").contains(new.secret.expose()));
    let caller = directory
        .authenticate(new.app_id, new.secret.expose())
        .unwrap();
    let outcome = directory
        .apply(
            &caller.writer().unwrap(),
            vec![create(Kind::User, user("anna"))],
        )
        .unwrap()
        .remove(0);
    let anna = directory
        .get(&caller, outcome.done().unwrap().0)
        .unwrap()
        .unwrap();
    assert_eq!(anna.changed_by, Some(new.app_id));
}

#[test]
fn missing_wrong_expired_and_disabled_are_told_apart() {
    let bench = Bench::new();
    let directory = bench.open();
    let administrator = directory.administrator();
    let new = directory
        .create_service_principal(&administrator, "sync", Role::Writer, HOUR)
        .unwrap();
    let secret = new.secret.expose();
    let code = |app_id, secret: &str| {
        directory
            .authenticate(app_id, secret)
            .map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(new.app_id, ""), "CredentialMissing");
    assert_eq!(code(Uuid::nil(), secret), "CredentialMissing");
    assert_eq!(code(new.app_id, "guess"), "CredentialWrong");
    directory
        .set_principal_enabled(&administrator, new.app_id, false)
        .unwrap();
    assert_eq!(code(new.app_id, secret), "PrincipalDisabled");
    directory
        .set_principal_enabled(&administrator, new.app_id, true)
        .unwrap();
    assert_eq!(code(new.app_id, secret), "ok");
    bench.pass(3_600_000);
    assert_eq!(code(new.app_id, secret), "CredentialExpired");
    assert_eq!(
        code(new.app_id, "guess"),
        "CredentialWrong",
        "who does not know the secret learns nothing of expiry"
    );
}

#[test]
fn handles_stop_working_with_their_credential() {
    let bench = Bench::new();
    let directory = bench.open();
    let administrator = directory.administrator();
    let old = directory
        .create_service_principal(&administrator, "sync", Role::Writer, HOUR)
        .unwrap();
    let before = directory
        .authenticate(old.app_id, old.secret.expose())
        .unwrap();
    let new = directory
        .rotate_credential(&administrator, old.app_id, HOUR + HOUR)
        .unwrap();
    let after = directory
        .authenticate(old.app_id, new.secret.expose())
        .unwrap();
    assert!(
        directory.counts(&before).is_ok(),
        "both are good for a while"
    );
    assert_eq!(
        directory.service_principals(&administrator).unwrap()[0]
            .credentials
            .len(),
        2
    );

    directory
        .remove_credential(&administrator, old.credential_id)
        .unwrap();
    assert!(matches!(
        directory.counts(&before),
        Err(Fault::Denied(AuthError::Missing))
    ));
    assert!(matches!(
        directory.authenticate(old.app_id, old.secret.expose()),
        Err(AuthError::Wrong)
    ));
    bench.pass(7_200_000);
    let denied = directory.apply(&after.writer().unwrap(), vec![]);
    assert!(
        matches!(denied, Err(Fault::Denied(AuthError::Expired { .. }))),
        "{denied:?}"
    );
}

#[test]
fn readers_get_no_right_to_write() {
    let bench = Bench::new();
    let directory = bench.open();
    let new = directory
        .create_service_principal(&directory.administrator(), "report", Role::Reader, HOUR)
        .unwrap();
    let caller = directory
        .authenticate(new.app_id, new.secret.expose())
        .unwrap();
    assert!(directory.counts(&caller.reader()).is_ok());
    assert_eq!(caller.writer().map(|_| ()).unwrap_err().code(), "Forbidden");
}
