//! Opening the two databases of a data directory, and seeing that they belong together.
//!
//! Never repairs and never begins anew where something is missing beside something that is there: an empty engine beside a
//! filled directory would be a server without jobs, and an empty directory beside a filled engine a tenant without people.
//! Trap: on the very first start the engine's file exists before the directory's, so the engine says whether it has ever
//! seen a directory ([`TENANT`]).

use std::{path::Path, sync::Arc};

use directory::Directory;
use engine::Engine;
use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};

use crate::{app::Config, failpoint, ids};

/// The directory's file in the data directory.
const DIRECTORY_FILE: &str = "directory.db";
/// Setting of the engine: the tenant it has worked with.
const TENANT: &str = "tenant";

/// Setting of the engine: from which version on a restored directory is doubted, until that is done.
const REWIND: &str = "targetRewind";

/// Both databases.
pub struct Stores {
    /// The engine.
    pub engine: Engine,
    /// The tenant directory.
    pub directory: Arc<Directory>,
    /// How far they are apart.
    pub gap: Gap,
}

/// How far the engine's memory of the directory and the directory are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// They stand together.
    None,
    /// The directory was changed after this version without the engine: by others, in the last moment of a process that was
    /// killed, or because the engine was restored from a backup.
    EngineIsOlder(u64),
    /// The directory has given out versions after this one, and does not know: it was restored from a backup.
    DirectoryIsOlder(u64),
}

/// Remembers that nothing is in doubt any more.
///
/// # Errors
/// Of the store.
pub(crate) fn close_gap(engine: &Engine) -> Result<(), engine::StoreError> {
    engine.set_setting(REWIND, "")
}

fn gap(engine: &Engine, sequence: u64) -> Result<Gap, engine::StoreError> {
    let unfinished: Option<u64> = engine.setting(REWIND)?.and_then(|text| text.parse().ok());
    let mark = engine.target_mark()?;
    if let Some(version) = unfinished.or(mark.filter(|mark| *mark > sequence).map(|_| sequence)) {
        // Written before anything raises the directory's numbers again.
        engine.set_setting(REWIND, &version.to_string())?;
        engine.set_target_mark(version)?;
        return Ok(Gap::DirectoryIsOlder(version));
    }
    match mark {
        Some(mark) if mark < sequence => Ok(Gap::EngineIsOlder(mark)),
        Some(_) => Ok(Gap::None),
        None => {
            engine.set_target_mark(sequence)?;
            Ok(Gap::None)
        }
    }
}

impl Stores {
    /// Opens both, making them where there are none.
    ///
    /// # Errors
    /// Each with code, place and cure.
    pub fn open(config: &Config) -> Result<Self, Refusal> {
        let engine_path = config.data_directory.join(engine::FILE);
        let shared = config.extras.shared_directory.clone();
        let directory_path = match &shared {
            Some(directory) => directory.path().to_owned(),
            None => config.data_directory.join(DIRECTORY_FILE),
        };
        // Beside a directory others use, an empty engine is nothing strange.
        let adopts = config.adopts_directory || shared.is_some();
        if has_content(&directory_path) && !has_content(&engine_path) && !adopts {
            return Err(missing(
                &engine_path,
                &directory_path,
                "without a backup, start once with --adopt-directory and create the jobs anew: objects are linked again by \
                 their anchors",
            ));
        }
        let engine = open_engine(&config.data_directory)?;
        let store = |error: engine::StoreError| crate::agents::placed(&engine, &error);
        let known = engine.setting(TENANT).map_err(store)?;
        if known.is_some() && !has_content(&directory_path) {
            return Err(missing(
                &directory_path,
                &engine_path,
                "without a backup, move the engine's file away too and begin anew",
            ));
        }
        let directory = match shared {
            Some(directory) => directory,
            None => Arc::new(open_directory(config, &directory_path)?),
        };
        let tenant = directory
            .tenant(&directory.administrator())
            .map_err(|fault| fault_of(&directory_path, &fault))?
            .id
            .to_string();
        match known {
            Some(known) if known != tenant => {
                return Err(strangers(&engine_path, &directory_path, &known, &tenant));
            }
            Some(_) => {}
            None => engine.set_setting(TENANT, &tenant).map_err(store)?,
        }
        let sequence = directory
            .sequence(&directory.administrator())
            .map_err(|fault| fault_of(&directory_path, &fault))?;
        let gap = gap(&engine, sequence).map_err(|error| crate::agents::placed(&engine, &error))?;
        Ok(Self {
            engine,
            directory,
            gap,
        })
    }
}

fn has_content(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

fn missing(path: &Path, beside: &Path, otherwise: &str) -> Refusal {
    let (path, beside) = (path.display(), beside.display());
    let text = format!(
        "{path} is missing or empty, although {beside} is there; restore it from a backup, or {otherwise}"
    );
    Refusal::new(Code::StoreDamaged).with("text", text)
}

fn strangers(engine: &Path, directory: &Path, known: &str, found: &str) -> Refusal {
    let (engine, directory) = (engine.display(), directory.display());
    let text = format!(
        "{engine} has worked with tenant {known}, and {directory} is of tenant {found}; put back the file that belongs here"
    );
    Refusal::new(Code::StoreMismatch).with("text", text)
}

fn open_engine(folder: &Path) -> Result<Engine, Refusal> {
    let options = engine::Options {
        clock: Arc::new(|| Timestamp::now().as_millisecond()),
        ids: Arc::new(ids::random),
        commit_hook: failpoint::hook(),
    };
    Engine::open(folder, options)
        .map_err(|error| Refusal::new(error.code()).with("text", chain(&error)))
}

fn open_directory(config: &Config, path: &Path) -> Result<Directory, Refusal> {
    let seed = directory::TenantSeed {
        id: None,
        display_name: config.tenant_name.clone(),
        initial_domain: config.initial_domain.clone(),
    };
    let mut options =
        directory::Options::new(Arc::new(Timestamp::now), Arc::new(ids::ascending), seed);
    if let Some(hook) = failpoint::hook() {
        options.commit_hook = Some(Arc::new(move |point| hook(point)));
    }
    Directory::open(path, options)
        .map_err(|error| Refusal::new(code_of(error.code())).with("text", chain(&error)))
}

/// A fault of the directory's file that names it.
pub(crate) fn fault_of(path: &Path, fault: &directory::Fault) -> Refusal {
    Refusal::new(code_of(fault.code()))
        .with("text", chain(fault))
        .with("file", path.display().to_string())
}

/// The directory's codes of its store in ours.
fn code_of(code: &str) -> Code {
    match code {
        "StorageInUse" => Code::StoreLocked,
        "StorageOfNewerSchema" => Code::StoreNewer,
        "StorageDamaged" | "StorageForeign" => Code::StoreDamaged,
        "StorageFull" => Code::DiskFull,
        "StorageInaccessible" | "StorageMigrationFailed" => Code::StoreUnwritable,
        "InvalidOptions" => Code::ConfigurationInvalid,
        _ => Code::TargetFault,
    }
}

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
