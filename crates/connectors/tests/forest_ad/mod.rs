//! The `ad` source against an in-memory directory that enforces Windows' limits and plays faults on demand.

use std::net::SocketAddr;

use connectors::{
    ReadEnd, Source,
    ldap::{AdSource, LdapConfig, Limits, Secret},
    source::{ObjectName, ReadOne},
};
use forest::{Forest, Generated, Life, Organisation, Restore, Rights, Served};
use sync_core::{code::Code, id::Anchor};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    bell::{Heard, Watch},
    model::{Model, spec},
};

const PASSWORD: &str = "a password for tests";

/// A served forest with an account that may read.
struct Stage {
    forest: Forest,
    account: Uuid,
    served: Served,
    folder: TempDir,
}

impl Stage {
    async fn set(forest: Forest) -> Self {
        let authority = forest::make_ca().unwrap();
        let rights = Rights {
            may_write: false,
            ..Rights::ALL
        };
        let account = forest.add_account("reader", PASSWORD, rights).unwrap();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let served = forest.serve(address, Some(authority.server)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &authority.ca_pem).unwrap();
        crate::samba::write_secret(&folder.path().join("secret"), PASSWORD);
        Self {
            forest,
            account,
            served,
            folder,
        }
    }

    fn source(&self, request_seconds: u32) -> AdSource {
        AdSource::new(self.config(request_seconds))
    }

    fn config(&self, request_seconds: u32) -> LdapConfig {
        let urls = vec![format!("ldaps://127.0.0.1:{}", self.served.addr.port())];
        let secret = Secret::File(self.folder.path().join("secret"));
        LdapConfig {
            ca_file: Some(self.folder.path().join("ca.pem")),
            limits: Limits {
                request_seconds,
                ..Limits::default()
            },
            ..LdapConfig::simple(urls, "reader@canal.example", secret)
        }
    }
}

impl Stage {
    fn may_dirsync(&self, may_dirsync: bool) {
        let rights = Rights {
            may_read: true,
            may_dirsync,
            may_write: false,
        };
        self.forest.set_rights(self.account, rights).unwrap();
    }
}

fn anchor(guid: Uuid) -> Anchor {
    Anchor::new(guid.to_bytes_le())
}

fn company(people: usize) -> Generated {
    Organisation { people, seed: 7 }.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_beyond_windows_limits_and_its_life_arrive() {
    let company = company(1800);
    let stage = Stage::set(company.forest).await;
    let mut source = stage.source(30);
    let mut model = Model::default();
    model.read(&mut source, &spec()).await;
    assert!(
        model.largest_link_set() > 1500,
        "a group needs several ranges"
    );
    assert!(model.wholes() > 1800);
    model.compare(&mut source, &spec()).await;

    let mut life = Life::new(3);
    for _ in 0..20 {
        for _ in 0..10 {
            life.next(&stage.forest).unwrap();
        }
        model.read(&mut source, &spec()).await;
    }
    model.compare(&mut source, &spec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_recycle_bin_gives_back_is_whole_and_a_member_again() {
    let company = company(60);
    let stage = Stage::set(company.forest).await;
    let mut source = stage.source(30);
    let mut model = Model::default();
    let (unit, forest) = (company.large_unit, &stage.forest);
    let person = forest
        .add_user(&unit, "Back Again", &[("title", "kept")])
        .unwrap();
    let group = forest.add_group(&unit, "Keepers", &[]).unwrap();
    forest.add_member(group, person).unwrap();
    model.read(&mut source, &spec()).await;
    assert!(model.live(&anchor(group)).links["member"].contains(&anchor(person)));

    forest.delete(person).unwrap();
    model.read(&mut source, &spec()).await;
    assert!(model.is_deleted(&anchor(person)));
    model.compare(&mut source, &spec()).await;

    forest.undelete(person).unwrap();
    model.read(&mut source, &spec()).await;
    model.compare(&mut source, &spec()).await;
    let state = model.live(&anchor(person));
    assert_eq!(state.attributes.text("title"), Some("kept"));
    assert!(model.live(&anchor(group)).links["member"].contains(&anchor(person)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_cannot_be_continued_demands_a_full_read() {
    let stage = Stage::set(company(60).forest).await;
    let mut source = stage.source(30);
    let mut model = Model::default();
    let early = stage.forest.snapshot();
    let account = stage.account;
    stage.forest.set(account, "title", "later").unwrap();
    model.read(&mut source, &spec()).await;
    let watermark = model.watermark.clone().unwrap();
    let ask = async |model: &mut Model| {
        let mut source = stage.source(30);
        let end = model
            .try_delta(&mut source, &spec(), watermark.clone())
            .await;
        match end.unwrap() {
            ReadEnd::NeedsFullRead(refusal) => Some(refusal.code),
            ReadEnd::Complete { .. } => None,
        }
    };
    assert_eq!(ask(&mut model).await, None);

    for refusal in [
        forest::CookieRefusal::UnavailableCriticalExtension,
        forest::CookieRefusal::UnwillingToPerform,
    ] {
        stage.forest.faults().set(|faults| {
            faults.refuses_cookies = true;
            faults.cookie_refusal = refusal;
        });
        assert_eq!(ask(&mut model).await, Some(Code::SourceCookieRefused));
    }
    stage.forest.faults().clear();

    stage.forest.restore(&early, Restore::Rollback);
    assert_eq!(ask(&mut model).await, Some(Code::SourceReplicaReset));
    stage.forest.change_invocation_id();
    assert_eq!(ask(&mut model).await, Some(Code::SourceReplicaReset));
    assert_eq!(model.last_entries, 0, "nothing was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_by_its_code_and_ends_the_read() {
    let stage = Stage::set(company(60).forest).await;
    let faults = stage.forest.faults();
    let read = async || {
        let mut source = stage.source(1);
        let end = Model::default().try_full(&mut source, &spec()).await;
        end.map_err(|refusal| refusal.code)
    };
    faults.set(|f| f.is_silent = true);
    assert_eq!(read().await, Err(Code::SourceTimeOut));
    faults.clear();
    faults.set(|f| f.is_busy = true);
    assert_eq!(read().await, Err(Code::SourceBusy));
    faults.clear();
    // Enough for schema and root DSE, not for the read.
    faults.set(|f| f.drop_after_entries = Some(60));
    assert_eq!(read().await, Err(Code::SourceUnreachable));
    faults.clear();
    assert!(matches!(read().await, Ok(ReadEnd::Complete { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_dirsync_every_change_still_arrives() {
    let company = company(1800);
    let stage = Stage::set(company.forest).await;
    stage.may_dirsync(false);
    let mut source = stage.source(30);
    let mut model = Model::default();
    model.read(&mut source, &spec()).await;
    assert!(model.largest_link_set() > 1500);
    model.compare(&mut source, &spec()).await;
    assert_eq!(model.method.name, "uSNChanged");
    let weaker = model.method.weaker.clone().unwrap();
    assert_eq!(weaker.code, Code::SourceInsufficientAccess);
    assert_eq!(
        weaker.argument("right"),
        Some("Replicating Directory Changes")
    );

    let mut life = Life::new(3);
    for _ in 0..20 {
        for _ in 0..10 {
            life.next(&stage.forest).unwrap();
        }
        model.read(&mut source, &spec()).await;
    }
    model.compare(&mut source, &spec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_come_and_go_change_the_way_changes_are_found_and_lose_none() {
    let company = company(60);
    let stage = Stage::set(company.forest).await;
    let mut source = stage.source(30);
    let mut model = Model::default();
    model.read(&mut source, &spec()).await;
    assert_eq!(
        (model.method.name.as_str(), &model.method.weaker),
        ("DirSync", &None)
    );
    let person = stage
        .forest
        .add_user(&company.large_unit, "Between", &[])
        .unwrap();
    stage.may_dirsync(false);
    model.read(&mut source, &spec()).await;
    assert_eq!(model.method.name, "uSNChanged");
    assert_eq!(model.last_entries, 1, "the position is continued");
    stage.forest.delete(person).unwrap();
    model.read(&mut source, &spec()).await;
    assert!(model.is_deleted(&anchor(person)));

    stage.may_dirsync(true);
    let watermark = model.watermark.clone().unwrap();
    let end = model.try_delta(&mut source, &spec(), watermark).await;
    match end.unwrap() {
        ReadEnd::NeedsFullRead(why) => assert_eq!(why.code, Code::SourceMethodChanged),
        other => panic!("{other:?}"),
    }
    model.watermark = None;
    model.read(&mut source, &spec()).await;
    assert_eq!(model.method.name, "DirSync");
    model.compare(&mut source, &spec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_recovers_from_silence_by_a_new_connection() {
    let stage = Stage::set(company(60).forest).await;
    let mut source = stage.source(1);
    source.discover().await.unwrap();
    stage.forest.faults().set(|faults| faults.is_silent = true);
    let refusal = source.containers().await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceTimeOut);
    stage.forest.faults().clear();
    assert!(!source.containers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_hidden_from_the_account_is_not_said_to_be_gone() {
    let stage = Stage::set(company(60).forest).await;
    let mut source = stage.source(30);
    let name = ObjectName::Anchor(anchor(stage.account));
    let found = source.read_one(&spec(), &name).await.unwrap();
    assert!(matches!(found, ReadOne::Live { .. }));
    stage
        .forest
        .faults()
        .set(|faults| faults.denies_reading = true);
    let refusal = source.read_one(&spec(), &name).await.unwrap_err();
    assert_eq!(refusal.code, Code::SourceInsufficientAccess);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_rings_for_every_kind_of_change() {
    let company = company(60);
    let stage = Stage::set(company.forest).await;
    let mut watch = Watch::begin(stage.source(30), spec());
    assert_eq!(watch.next().await, Some(Heard::Armed));
    let (unit, forest) = (company.large_unit, &stage.forest);
    let person = forest.add_user(&unit, "Rings", &[]).unwrap();
    assert_eq!(watch.next().await, Some(Heard::Ring));
    watch.hush();
    forest.set(person, "title", "Bosun").unwrap();
    assert_eq!(watch.next().await, Some(Heard::Ring));
    watch.hush();
    forest.delete(person).unwrap();
    assert_eq!(watch.next().await, Some(Heard::Ring));
    assert!(!watch.end.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_notices_a_controller_that_fell_silent() {
    let stage = Stage::set(company(60).forest).await;
    let mut config = stage.config(1);
    config.limits.idle_seconds = 1;
    let mut watch = Watch::begin(AdSource::new(config), spec());
    assert_eq!(watch.next().await, Some(Heard::Armed));
    stage.forest.faults().set(|faults| faults.is_silent = true);
    assert_eq!(watch.next().await, None);
    let end = (&mut watch.end).await.unwrap();
    assert_eq!(end.unwrap_err().code, Code::SourceTimeOut);
}
