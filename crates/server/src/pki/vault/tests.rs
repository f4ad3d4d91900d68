use std::fs;

use sync_core::code::Code;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn refused(data: &Path, chosen: Option<&Path>) -> (Code, String) {
    let fault = Vault::open(data, chosen).err().unwrap();
    (fault.code(), fault.to_string())
}

fn key_file(path: &Path, keys: &[&MasterKey]) {
    let lines: Vec<String> = keys.iter().map(|key| key.text().to_string()).collect();
    files::write_private(path, &lines.join("\n")).unwrap();
}

#[test]
fn what_an_older_version_left_open_is_sealed_at_the_next_start() {
    let data = folder();
    files::write_private(&data.path().join("expression-seed"), "hush hush").unwrap();
    let vault = Vault::open(data.path(), None).unwrap();
    assert_eq!(
        vault.read("expression-seed").unwrap().unwrap().as_str(),
        "hush hush"
    );
    let text = fs::read_to_string(data.path().join("expression-seed")).unwrap();
    assert!(!text.contains("hush"), "{text}");
    let again = Vault::open(data.path(), None).unwrap();
    assert_eq!(
        again.read("expression-seed").unwrap().unwrap().as_str(),
        "hush hush"
    );
    assert_eq!(again.ring().ids(), vault.ring().ids());
}

#[test]
fn a_secret_opens_in_its_own_place_only_and_not_when_touched() {
    let data = folder();
    let vault = Vault::open(data.path(), None).unwrap();
    vault.write("token-key.json", "one").unwrap();
    let place = data.path().join("token-key.json");
    let sealed = fs::read_to_string(&place).unwrap();
    files::write_private(&data.path().join("notifications.json"), &sealed).unwrap();
    let moved = vault.read("notifications.json").unwrap_err();
    assert_eq!(moved.code(), Code::StoreDamaged);
    let mut json: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    for field in ["text", "nonce"] {
        let right = json[field].clone();
        let text = right.as_str().unwrap();
        let other = if text.starts_with('A') { "B" } else { "A" };
        json[field] = format!("{other}{}", &text[1..]).into();
        files::write_private(&place, &json.to_string()).unwrap();
        let touched = vault.read("token-key.json").unwrap_err();
        assert_eq!(touched.code(), Code::StoreDamaged, "{field}");
        json[field] = right;
    }
    files::write_private(&place, &sealed).unwrap();
    assert_eq!(
        vault.read("token-key.json").unwrap().unwrap().as_str(),
        "one"
    );
}

#[test]
fn without_its_key_nothing_opens_and_the_error_says_which_and_how() {
    let data = folder();
    let vault = Vault::open(data.path(), None).unwrap();
    vault.write("authority.pem", "key").unwrap();
    let id = vault.ring().ids().remove(0);
    let own = data.path().join(OWN_KEY_FILE);
    let aside = data.path().join("aside");
    fs::rename(&own, &aside).unwrap();
    let (code, text) = refused(data.path(), None);
    assert_eq!(code, Code::MasterKeyMissing);
    assert!(
        text.contains(&id) && text.contains("--master-key-file"),
        "{text}"
    );
    let other = MasterKey::new().unwrap();
    key_file(&own, &[&other]);
    let (code, text) = refused(data.path(), None);
    assert_eq!(code, Code::MasterKeyWrong);
    assert!(text.contains(&id) && text.contains(other.id()), "{text}");
    // The key is named: it opens, and what it sealed is sealed under it still.
    let opened = Vault::open(data.path(), Some(&aside)).unwrap();
    assert_eq!(
        opened.read("authority.pem").unwrap().unwrap().as_str(),
        "key"
    );
    let (code, _) = refused(data.path(), Some(&data.path().join("nowhere")));
    assert_eq!(code, Code::MasterKeyMissing);
    files::write_private(&own, "not a key").unwrap();
    let (code, text) = refused(data.path(), None);
    assert_eq!(code, Code::ConfigurationInvalid);
    assert!(text.contains("hybridge key new"), "{text}");
}

#[test]
fn a_key_file_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = folder();
    Vault::open(data.path(), None).unwrap();
    let own = data.path().join(OWN_KEY_FILE);
    let mode = fs::metadata(&own).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refused(data.path(), None).0, Code::SecretFileUnsafe);
}

#[test]
fn a_new_key_seals_everything_and_the_old_one_stays_until_it_is_taken_off() {
    let data = folder();
    let vault = Vault::open(data.path(), None).unwrap();
    for name in SECRETS {
        vault.write(name, name).unwrap();
    }
    let old = vault.ring().ids().remove(0);
    let new = vault.rotate().unwrap();
    assert_eq!(vault.ring().ids(), [new.clone(), old.clone()]);
    let under: Vec<_> = vault
        .kept()
        .unwrap()
        .into_iter()
        .map(|kept| kept.key)
        .collect();
    assert_eq!(under, vec![Some(new.clone()); SECRETS.len()]);
    assert_eq!(vault.retire().unwrap(), [old]);
    let again = Vault::open(data.path(), None).unwrap();
    assert_eq!(again.ring().ids(), [new]);
    for name in SECRETS {
        assert_eq!(again.read(name).unwrap().unwrap().as_str(), name);
    }
}

#[test]
fn a_change_of_keys_that_was_interrupted_anywhere_is_finished_by_the_next_start() {
    for stop in 0..=SECRETS.len() {
        let data = folder();
        let vault = Vault::open(data.path(), None).unwrap();
        for name in SECRETS {
            vault.write(name, name).unwrap();
        }
        // What lies there when the process ends after so many secrets.
        let mut ring = vault.ring();
        let new = ring.put_first(MasterKey::new().unwrap()).unwrap();
        for name in &SECRETS[..stop] {
            let sealed = Sealed::seal(ring.first().unwrap(), name, name).unwrap();
            files::write_private(&data.path().join(name), &sealed.text()).unwrap();
        }
        let again = Vault::open(data.path(), None).unwrap();
        assert!(
            again
                .kept()
                .unwrap()
                .iter()
                .all(|kept| kept.key.as_ref() == Some(&new)),
            "stopped at {stop}"
        );
        for name in SECRETS {
            assert_eq!(
                again.read(name).unwrap().unwrap().as_str(),
                name,
                "stopped at {stop}"
            );
        }
    }
}

#[test]
fn a_key_that_moves_to_a_file_elsewhere_opens_what_was_sealed_before() {
    let (data, elsewhere) = (folder(), folder());
    let vault = Vault::open(data.path(), None).unwrap();
    vault.write("expression-seed", "seed").unwrap();
    let old = vault.ring().ids().remove(0);
    let new = MasterKey::new().unwrap();
    let file = elsewhere.path().join("key");
    key_file(&file, &[&new]);
    let moved = Vault::open(data.path(), Some(&file)).unwrap();
    assert_eq!(moved.ring().ids(), [new.id().to_owned(), old.clone()]);
    assert_eq!(
        moved.kept().unwrap()[0].key.as_deref(),
        Some(new.id()),
        "it is sealed under the new one at once"
    );
    assert_eq!(moved.retire().unwrap(), [old]);
    assert!(!data.path().join(OWN_KEY_FILE).exists());
    let again = Vault::open(data.path(), Some(&file)).unwrap();
    assert_eq!(
        again.read("expression-seed").unwrap().unwrap().as_str(),
        "seed"
    );
}

#[test]
fn keys_are_read_in_every_way_they_are_written() {
    let key = MasterKey::new().unwrap();
    let hex: String = key
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let url = URL.encode(key.bytes());
    for text in [key.text().to_string(), hex, url] {
        let origin = Origin::Environment;
        let read = ring::parse(&format!("# a remark\n  {text}\n"), &origin).unwrap();
        assert_eq!(read[0].id(), key.id(), "{text}");
    }
    for text in ["", "# only", "short", &"zz".repeat(32)] {
        assert!(ring::parse(text, &Origin::Environment).is_err(), "{text}");
    }
    assert!(!format!("{key:?}").contains(key.text().trim_end_matches('=')));
}

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as URL};
