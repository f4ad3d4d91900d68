//! What a server refuses about its data directory: damaged, newer, foreign, missing or read-only files, a second server.
//!
//! Trap: files are exchanged only while no server runs; the copies put back are those of an orderly end.

use std::{
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use forest::{Generated, Organisation, Served};
use rusqlite::Connection;
use scenarios::{Source, processes::Installation};
use sync_core::code::Code;
use tempfile::TempDir;

use super::{is_told_well, until};

const STORES: [&str; 2] = ["engine.db", "directory.db"];
const PAGE_BYTES: u64 = 8192;

/// An organisation in the target, and processes that keep it there.
pub struct Stand {
    pub installation: Installation,
    pub company: Generated,
    pub dir: TempDir,
    /// Settings of the agent's connector.
    pub settings: serde_json::Value,
    _served: Served,
}

impl Stand {
    /// So many people of a generated organisation, wholly in the target.
    pub async fn begin(people: usize, disk: Option<&str>) -> Self {
        let stand = Self::prepare(people, disk).await;
        stand.installation.resume();
        stand.installation.sync();
        stand
    }

    /// The same, with nothing synchronised yet.
    pub async fn prepare(people: usize, disk: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation { people, seed: 11 }.build().unwrap();
        let (source, served) = Source::forest(&company.forest, &dir).await;
        let installation = match disk {
            Some(size) => Installation::with_small_disk(&source, size),
            None => Installation::new(&source),
        };
        Self {
            installation,
            company,
            dir,
            settings: source.settings,
            _served: served,
        }
    }

    /// Everybody of the organisation.
    pub fn people(&self) -> Vec<uuid::Uuid> {
        let all = self.company.forest.listing().into_iter();
        let people = all.filter(|one| one.text("employeeID").is_some());
        people.map(|one| one.guid).collect()
    }

    /// Everybody changes in the source.
    pub fn change_everybody(&self, department: &str) {
        for person in self.people() {
            let forest = &self.company.forest;
            forest.set(person, "department", department).unwrap();
        }
    }

    /// The server refuses to start: with this code, exit code, the file, and a cure.
    fn refuses(&self, what: &str, code: Code, place: &str) {
        let refused = self.installation.server_refuses();
        let (told, problem) = (&refused.told, &refused.problem);
        assert_eq!(problem.code, code.name(), "{what}: {told}");
        // A database of a later version waits for a person, the others for the machine.
        let exit = if code == Code::StoreNewer { 1 } else { 2 };
        assert_eq!(refused.code, Some(exit), "{what}");
        assert!(problem.message.contains(place), "{what}: {told}");
        assert!(told.contains(&format!("error[{code}]")), "{what}: {told}");
        for part in ["where: ", "cause: ", "cure:  ", "see:   hybridge codes"] {
            assert!(told.contains(part), "{what}: {part} is missing in {told}");
        }
    }

    /// Source and target agree as they did, and nothing was done again.
    fn is_unharmed(&mut self, what: &str, log_end: i64) {
        self.installation.start_server();
        self.installation.sync();
        let since = self.installation.log_since(log_end);
        assert!(since.is_empty(), "{what}: {since:#?}");
        assert!(self.installation.verify().agree, "{what}");
        self.installation.stop_server();
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    for name in STORES {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Puts copies back, and takes away whatever lies beside them.
fn put_back(from: &Path, to: &Path) {
    for name in STORES {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(to.join(format!("{name}{end}")));
        }
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Overwrites the first page of a table.
fn damage_table(path: &Path, table: &str) {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let page: u64 = connection
        .query_row(sql, [table], |row| row.get(0))
        .unwrap();
    drop(connection);
    overwrite(path, (page - 1) * PAGE_BYTES, &[0xA5; PAGE_BYTES as usize]);
}

fn shorten(path: &Path, bytes: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(bytes).unwrap();
}

fn make_newer(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let sql = "INSERT INTO refinery_schema_history SELECT 999, 'later', applied_on, checksum
        FROM refinery_schema_history LIMIT 1";
    connection.execute(sql, []).unwrap();
}

fn replace_by_foreign(path: &Path) {
    std::fs::remove_file(path).unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("CREATE TABLE recipe (name TEXT)")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_stores_are_refused_with_place_and_cure_and_nothing_is_lost() {
    let mut stand = Stand::begin(40, None).await;
    let place = stand.installation.data();
    let in_use = place.display().to_string();
    stand.refuses("second server", Code::StoreLocked, &in_use);
    let log_end = stand.installation.log_end();
    stand.installation.stop_server();
    let good = stand.dir.path().join("good");
    copy(&place, &good);
    for name in STORES {
        let file: PathBuf = place.join(name);
        let shown = file.display().to_string();
        let length = std::fs::metadata(&file).unwrap().len();
        type Harm<'a> = (&'a str, Code, &'a dyn Fn());
        let harms: [Harm<'_>; 6] = [
            ("header", Code::StoreDamaged, &|| {
                overwrite(&file, 0, &[0x5A; 100]);
            }),
            ("half", Code::StoreDamaged, &|| shorten(&file, length / 2)),
            ("empty", Code::StoreDamaged, &|| shorten(&file, 0)),
            ("missing", Code::StoreDamaged, &|| {
                std::fs::remove_file(&file).unwrap();
            }),
            ("newer", Code::StoreNewer, &|| make_newer(&file)),
            ("foreign", Code::StoreDamaged, &|| replace_by_foreign(&file)),
        ];
        for (kind, code, harm) in harms {
            harm();
            stand.refuses(&format!("{name}: {kind}"), code, &shown);
            put_back(&good, &place);
        }
    }
    stand.is_unharmed("after all of it", log_end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_met_at_work_stops_the_job_with_a_code_and_not_the_server() {
    let mut stand = Stand::begin(40, None).await;
    let log_end = stand.installation.log_end();
    stand.installation.stop_server();
    let (place, good) = (stand.installation.data(), stand.dir.path().join("good"));
    copy(&place, &good);
    for (name, table) in [("engine.db", "object"), ("directory.db", "unique_key")] {
        damage_table(&place.join(name), table);
        stand.installation.start_server();
        stand.change_everybody(table);
        let problem = until(table, || {
            let status = stand.installation.status();
            let problem = status.source.position.failure.or(status.failure);
            problem
                .filter(|problem| problem.code == Code::StoreDamaged.name())
                .ok_or_else(|| "no failure".to_owned())
        });
        let file = place.join(name).display().to_string();
        is_told_well(&stand.installation, &problem, &file);
        assert!(stand.installation.server_lives(), "{name}");
        stand.installation.stop_server();
        put_back(&good, &place);
    }
    stand.installation.start_server();
    stand.installation.sync();
    assert!(stand.installation.verify().agree);
    assert!(!stand.installation.log_since(log_end).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_data_directory_is_refused_and_used_again_once_it_can_be_written() {
    let mut stand = Stand::begin(20, Some("32m")).await;
    let log_end = stand.installation.log_end();
    stand.installation.stop_server();
    stand.installation.room().remount("ro");
    let place = stand.installation.data().display().to_string();
    stand.refuses("read-only", Code::StoreUnwritable, &place);
    stand.installation.room().remount("rw");
    stand.is_unharmed("read-only", log_end);
}
