//! What an administrator has to be told of: conditions that are there now, worked out from facts about the whole server.
//!
//! Pure: who gathers the facts and who remembers since when a condition lasts is elsewhere. Every condition says what it
//! means and what to do next. Trap: a condition that comes and goes with every look would be told again and again; whatever
//! fails once and is tried again is none before it failed several times.

use crate::{code::Code, operation::Refusal};

/// A time in unix milliseconds.
type Ms = i64;

const MINUTE: Ms = 60_000;
const HOUR: Ms = 60 * MINUTE;
const DAY: Ms = 24 * HOUR;

/// A source that was not read for so long is not fresh.
pub const FRESH_MS: Ms = 2 * HOUR;
/// Failures in a row from which on a failure lasts.
pub const LASTING_FAILURES: u32 = 3;
/// An agent that was not heard of for so long is inactive.
pub const AGENT_MS: Ms = 20 * MINUTE;
/// An agent's certificate is renewed thirty days before its end; if it was not by then, something is wrong.
pub const AGENT_CERTIFICATE_MS: Ms = 14 * DAY;
/// Credentials and authorities that end within this time are told of.
pub const CREDENTIAL_MS: Ms = 90 * DAY;
/// An authority is exchanged with time to spare: agents that are away for months are to come back meanwhile.
pub const AUTHORITY_MS: Ms = 365 * DAY;
/// Part of the memory there is, in percent, from which on it is much.
pub const MEMORY_PERCENT: u64 = 80;
/// Part of all processors over a quarter of an hour, in percent.
pub const PROCESSOR_PERCENT: u64 = 90;
/// Part of the disk that is to be free, in percent, but never more than the second number of bytes.
pub const DISK_PERCENT: u64 = 10;
/// Bytes that are enough, however large the disk is.
pub const DISK_ENOUGH: u64 = 5 << 30;
/// Bytes without which a disk is nearly full, however small it is.
pub const DISK_LEAST: u64 = 256 << 20;
/// An alert whose condition nobody can look at any more is closed after this time.
pub const FORGOTTEN_MS: Ms = 72 * HOUR;
/// A condition that comes back within this time is the same alert.
pub const SAME_MS: Ms = 15 * MINUTE;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something will stop, or should be looked at.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! kinds {
    ($($name:ident $severity:ident $tells:literal $title:literal, $cause:literal, $next:literal;)*) => {
        /// A kind of alert.
        #[allow(missing_docs, reason = "each says itself what it means")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// As written.
            pub fn name(self) -> &'static str { match self { $(Self::$name => stringify!($name),)* } }
            /// How bad it is.
            pub fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity,)* } }
            /// Whether a message is sent; otherwise something else tells of it, or it is only shown.
            pub fn is_told(self) -> bool { match self { $(Self::$name => $tells,)* } }
            /// One line for people.
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
            /// What it comes of.
            pub fn cause(self) -> &'static str { match self { $(Self::$name => $cause,)* } }
            /// What to do next.
            pub fn next_step(self) -> &'static str { match self { $(Self::$name => $next,)* } }
        }
    };
}

kinds! {
    DataNotFresh Error true "nothing was read from a source for two hours",
        "the agent, the network, or the source itself; changes are not seen meanwhile",
        "look at the source with `hybridge status`, and test it with `hybridge connector test NAME`";
    ImportFailed Error true "reading a source fails again and again",
        "the message names what the source or the way to it refuses",
        "follow the code: `hybridge codes CODE`; then `hybridge connector test NAME`";
    SourceAuthenticationFailed Error true "a source refuses the account it is read with",
        "the password was changed or has expired, or the account is locked or disabled",
        "put the account right in the source, or the new password into the agent's secret file; then `hybridge connector test NAME`";
    FullReadDoubted Error true "a full read of a source is not believed",
        "it showed far less than the one before; nothing is planned from it",
        "look at the source; if it is as it should be, `hybridge connector believe NAME`";
    ExportFailed Error true "writing to the target fails again and again",
        "the target cannot be reached, or answers with a fault",
        "follow the code: `hybridge codes CODE`";
    TargetAuthenticationFailed Error true "the target refuses the credential of the synchronisation",
        "it has expired, was removed, or is wrong",
        "`hybridge directory rotate-credential` makes a new one, `hybridge tools repair-account` the whole account";
    DeletionThresholdReached Error false "deletions are held: there are more of them than the guard lets through",
        "something removes many objects at once: a filter, a moved container, a source that lost objects",
        "`hybridge deletes list` names them; allow them, or refuse them and put the cause right";
    JobQuarantined Error false "a job is in quarantine and is tried less often",
        "too much of it failed; the message names the reason",
        "`hybridge job status`, put the cause right, then `hybridge job clear`";
    JobDisabled Error false "a job was disabled after 28 days in quarantine",
        "its quarantine was not ended by anybody",
        "put the cause right, then `hybridge job start`";
    SystemBusy Warning false "a system answers for a day that it is busy",
        "it is overloaded, or limits how much it does for us",
        "look at that system; `hybridge job status` tells when it is tried next";
    ObjectsFail Warning false "objects cannot be synchronised",
        "each has a reason of its own, mostly a value the target does not take",
        "`hybridge escrow list` names object and reason; put them right in the source";
    JobFenced Error true "another server is active for a job, so this one does not write any more",
        "the job was taken over on another server, or two servers were started from one backup",
        "`hybridge staging show` names the other server; let one of them stay in staging";
    AgentInactive Warning true "an agent has not been heard of",
        "its machine or service is stopped, or it does not reach this server",
        "start it; if it is gone for good, `hybridge agent revoke NAME`";
    NoAgent Error true "no agent is connected that serves a source",
        "all agents of this connector are stopped or do not reach this server",
        "start one: `hybridge-agent run`; `hybridge agent list` shows which there are";
    AgentCertificateExpires Warning true "an agent's certificate ends soon and was not renewed",
        "an agent renews it by itself while it is connected, thirty days before",
        "see that the agent runs and reaches this server; after the end it has to be enrolled again";
    CredentialExpires Warning true "the credential for the target ends soon",
        "credentials live for a limited time",
        "`hybridge directory rotate-credential`";
    AuthorityExpires Warning true "the certification authority ends, and with it the trust of every agent",
        "an authority lives twenty years and is exchanged by an administrator only",
        "`hybridge ca roll`: agents follow by themselves; after the end each has to be enrolled again";
    HighMemory Warning true "the server uses most of the memory there is",
        "the machine or its limit is too small for what it does",
        "give it more memory, or move other services away";
    HighProcessor Warning false "the server has used nearly all processors for a quarter of an hour",
        "a first synchronisation, new rules or a comparison; or the machine is too small",
        "wait for the end of a first synchronisation; `hybridge status` shows what is being done";
    DiskNearlyFull Error true "the disk of the data directory is nearly full",
        "the log, backups, or others on the same disk",
        "make room: `hybridge log retention`, older backups; when it is full, all work stops";
    MessagesFail Warning false "messages to administrators cannot be sent",
        "the mail server or the web hook is not reached or refuses them",
        "`hybridge notify test` says why";
}

impl Kind {
    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The server itself.
    Server,
    /// A job, by its row.
    Job(i64),
    /// A connector, by its row.
    Connector(i64),
    /// An agent, by its row.
    Agent(i64),
}

impl Subject {
    /// As stored: a word and a number.
    pub fn key(&self) -> (&'static str, i64) {
        match self {
            Self::Server => ("server", 0),
            Self::Job(id) => ("job", *id),
            Self::Connector(id) => ("connector", *id),
            Self::Agent(id) => ("agent", *id),
        }
    }
}

/// Something that is so now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What.
    pub kind: Kind,
    /// With whom.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// What was refused, if that is it.
    pub why: Option<Refusal>,
    /// What else there is to say.
    pub text: String,
    /// Objects concerned, the first few of them.
    pub affected: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// What is known of a job.
#[derive(Clone, Debug, Default)]
pub struct JobFacts {
    /// Row.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Row of its source.
    pub source: i64,
    /// Whether it runs.
    pub is_active: bool,
    /// Whether another server took it over.
    pub fenced: Option<Refusal>,
    /// Why it fails as a whole.
    pub failure: Option<Refusal>,
    /// How often in a row.
    pub failures: u32,
    /// Why deletions are held.
    pub guard: Option<Refusal>,
    /// How many.
    pub held: u64,
    /// Some of them.
    pub held_names: Vec<String>,
    /// Why it is in a quarantine that slows it.
    pub quarantine: Option<Refusal>,
    /// Whether a quarantine disabled it.
    pub is_disabled: bool,
    /// Whether a system is busy for too long.
    pub is_busy: bool,
    /// Objects that fail.
    pub failing: u64,
    /// Some of them.
    pub failing_names: Vec<String>,
}

/// What is known of a source.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// Row.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Why it cannot be read.
    pub failure: Option<Refusal>,
    /// How often in a row.
    pub failures: u32,
    /// Why its last full read is not believed.
    pub suspect: Option<Refusal>,
    /// When it was last read well.
    pub last_read_at: Option<Ms>,
    /// When it was made.
    pub created_at: Ms,
    /// Time between two reads.
    pub interval_ms: Ms,
    /// Agents that serve it and are connected.
    pub agents_connected: usize,
}

/// What is known of an agent that was not revoked.
#[derive(Clone, Debug, Default)]
pub struct AgentFacts {
    /// Row.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Whether it is connected.
    pub is_connected: bool,
    /// When it was last heard of.
    pub last_seen: Option<Ms>,
    /// End of its certificate.
    pub certificate_ends: Ms,
}

/// What is known of the server and its machine; 0 or nothing: not known.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// When it was started.
    pub started: Ms,
    /// Bytes of memory it uses.
    pub memory: u64,
    /// Bytes there are for it.
    pub memory_limit: u64,
    /// Part of all processors it used lately, in percent, if it was long enough to say.
    pub processor_percent: Option<u64>,
    /// Bytes free on the disk.
    pub disk_free: u64,
    /// Bytes of the disk.
    pub disk_size: u64,
    /// End of the credential for the target.
    pub credential_ends: Option<Ms>,
    /// End of the newest certification authority.
    pub authority_ends: Option<Ms>,
    /// Why messages cannot be sent.
    pub messages_fail: Option<String>,
}

/// Everything that is looked at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Jobs.
    pub jobs: Vec<JobFacts>,
    /// Sources.
    pub sources: Vec<SourceFacts>,
    /// Agents.
    pub agents: Vec<AgentFacts>,
    /// The server.
    pub server: ServerFacts,
}

fn about(kind: Kind, subject: Subject, name: &str) -> Condition {
    Condition {
        kind,
        subject,
        name: name.to_owned(),
        why: None,
        text: String::new(),
        affected: Vec::new(),
        count: 0,
    }
}

/// What is so now.
pub fn conditions(facts: &Facts, now: Ms) -> Vec<Condition> {
    let mut all = Vec::new();
    for job in &facts.jobs {
        of_job(job, &mut all);
    }
    for source in &facts.sources {
        let mut jobs = facts.jobs.iter();
        // What nobody reads may be as it likes.
        if jobs.any(|job| job.source == source.id && job.is_active) {
            of_source(source, facts.server.started, now, &mut all);
        }
    }
    for agent in &facts.agents {
        of_agent(agent, facts.server.started, now, &mut all);
    }
    of_server(&facts.server, now, &mut all);
    all
}

fn of_job(job: &JobFacts, all: &mut Vec<Condition>) {
    let subject = || Subject::Job(job.id);
    let mut add = |kind, why: Option<&Refusal>| {
        let mut new = about(kind, subject(), &job.name);
        new.why = why.cloned();
        all.push(new);
    };
    if job.is_disabled {
        add(Kind::JobDisabled, job.quarantine.as_ref());
    }
    if let Some(why) = &job.fenced {
        add(Kind::JobFenced, Some(why));
    }
    if !job.is_active {
        return;
    }
    match &job.failure {
        Some(why) if why.code.is_credential() => add(Kind::TargetAuthenticationFailed, Some(why)),
        Some(why) if job.failures >= LASTING_FAILURES => add(Kind::ExportFailed, Some(why)),
        _ => {}
    }
    if let Some(why) = &job.quarantine {
        add(Kind::JobQuarantined, Some(why));
    }
    if job.is_busy {
        add(Kind::SystemBusy, None);
    }
    if job.held > 0 || job.guard.is_some() {
        let mut new = about(Kind::DeletionThresholdReached, subject(), &job.name);
        new.why.clone_from(&job.guard);
        new.affected.clone_from(&job.held_names);
        new.count = job.held;
        all.push(new);
    }
    if job.failing > 0 {
        let mut new = about(Kind::ObjectsFail, subject(), &job.name);
        new.affected.clone_from(&job.failing_names);
        new.count = job.failing;
        all.push(new);
    }
}

fn of_source(source: &SourceFacts, started: Ms, now: Ms, all: &mut Vec<Condition>) {
    let subject = || Subject::Connector(source.id);
    let mut add = |kind, why: Option<&Refusal>, text: String| {
        let mut new = about(kind, subject(), &source.name);
        new.why = why.cloned();
        new.text = text;
        all.push(new);
    };
    match &source.failure {
        Some(why) if why.code.is_credential() => {
            add(Kind::SourceAuthenticationFailed, Some(why), String::new());
        }
        // Told in words of its own below.
        Some(why) if why.code == Code::HybridIdentityServiceNoActiveAgents => {}
        Some(why) if source.failures >= LASTING_FAILURES => {
            add(Kind::ImportFailed, Some(why), String::new());
        }
        _ => {}
    }
    if let Some(why) = &source.suspect {
        add(Kind::FullReadDoubted, Some(why), String::new());
    }
    // After a start, and for a new source, the time begins anew: nothing could be read before.
    let read = source
        .last_read_at
        .unwrap_or(source.created_at)
        .max(started);
    let patience = FRESH_MS.max(source.interval_ms.saturating_mul(2));
    if now.saturating_sub(read) > patience {
        let hours = now.saturating_sub(read) / HOUR;
        add(
            Kind::DataNotFresh,
            source.failure.as_ref(),
            format!("for {hours} hours"),
        );
    }
    if source.agents_connected == 0 && now.saturating_sub(started) > AGENT_MS {
        add(Kind::NoAgent, None, String::new());
    }
}

fn of_agent(agent: &AgentFacts, started: Ms, now: Ms, all: &mut Vec<Condition>) {
    let subject = || Subject::Agent(agent.id);
    let heard = agent.last_seen.unwrap_or(0).max(started);
    if !agent.is_connected && now.saturating_sub(heard) > AGENT_MS {
        let mut new = about(Kind::AgentInactive, subject(), &agent.name);
        let minutes = now.saturating_sub(agent.last_seen.unwrap_or(started)) / MINUTE;
        new.text = format!("for {minutes} minutes");
        all.push(new);
    }
    if agent.certificate_ends.saturating_sub(now) < AGENT_CERTIFICATE_MS {
        let mut new = about(Kind::AgentCertificateExpires, subject(), &agent.name);
        new.text = left(agent.certificate_ends, now);
        all.push(new);
    }
}

fn left(end: Ms, now: Ms) -> String {
    match end.saturating_sub(now) {
        past if past <= 0 => "it has ended".into(),
        time => format!("in {} days", time / DAY),
    }
}

fn of_server(server: &ServerFacts, now: Ms, all: &mut Vec<Condition>) {
    let mut add = |kind, text: String| {
        let mut new = about(kind, Subject::Server, "server");
        new.text = text;
        all.push(new);
    };
    let mebi = |bytes: u64| bytes >> 20;
    if server.memory_limit > 0
        && server.memory.saturating_mul(100) >= server.memory_limit.saturating_mul(MEMORY_PERCENT)
    {
        let (used, there) = (mebi(server.memory), mebi(server.memory_limit));
        add(Kind::HighMemory, format!("{used} of {there} MiB"));
    }
    if let Some(percent) = server
        .processor_percent
        .filter(|one| *one >= PROCESSOR_PERCENT)
    {
        add(Kind::HighProcessor, format!("{percent} %"));
    }
    let wanted = (server.disk_size / 100 * DISK_PERCENT).clamp(DISK_LEAST, DISK_ENOUGH);
    if server.disk_size > 0 && server.disk_free < wanted.min(server.disk_size / 2) {
        let free = mebi(server.disk_free);
        add(Kind::DiskNearlyFull, format!("{free} MiB are free"));
    }
    if let Some(ends) = server.credential_ends
        && ends.saturating_sub(now) < CREDENTIAL_MS
    {
        add(Kind::CredentialExpires, left(ends, now));
    }
    if let Some(ends) = server.authority_ends
        && ends.saturating_sub(now) < AUTHORITY_MS
    {
        add(Kind::AuthorityExpires, left(ends, now));
    }
    if let Some(why) = &server.messages_fail {
        add(Kind::MessagesFail, why.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = 1_000 * DAY;

    /// A server without anything to tell: one job, its source, an agent.
    fn quiet() -> Facts {
        Facts {
            jobs: vec![JobFacts {
                id: 1,
                name: "main".into(),
                source: 2,
                is_active: true,
                ..JobFacts::default()
            }],
            sources: vec![SourceFacts {
                id: 2,
                name: "ad".into(),
                last_read_at: Some(NOW),
                agents_connected: 1,
                ..SourceFacts::default()
            }],
            agents: vec![AgentFacts {
                id: 3,
                name: "one".into(),
                is_connected: true,
                last_seen: Some(NOW),
                certificate_ends: NOW + 80 * DAY,
            }],
            server: ServerFacts {
                memory: 1 << 30,
                memory_limit: 8 << 30,
                disk_free: 50 << 30,
                disk_size: 100 << 30,
                credential_ends: Some(NOW + 700 * DAY),
                authority_ends: Some(NOW + 7_000 * DAY),
                ..ServerFacts::default()
            },
        }
    }

    fn told(change: impl FnOnce(&mut Facts)) -> Vec<Kind> {
        let mut facts = quiet();
        change(&mut facts);
        let all = conditions(&facts, NOW);
        all.into_iter().map(|one| one.kind).collect()
    }

    #[test]
    fn nothing_is_told_while_everything_works() {
        assert_eq!(told(|_| {}), []);
    }

    /// Each limit just kept and just passed.
    #[test]
    fn each_condition_begins_just_beyond_its_limit() {
        type Change = fn(&mut Facts);
        let why = || Some(Refusal::new(Code::SourceUnreachable));
        let cases: &[(Kind, Change, Change)] = &[
            (
                Kind::DataNotFresh,
                |f| f.sources[0].last_read_at = Some(NOW - FRESH_MS),
                |f| f.sources[0].last_read_at = Some(NOW - FRESH_MS - 1),
            ),
            (
                Kind::AgentInactive,
                |f| {
                    f.agents[0].is_connected = false;
                    f.agents[0].last_seen = Some(NOW - AGENT_MS);
                },
                |f| {
                    f.agents[0].is_connected = false;
                    f.agents[0].last_seen = Some(NOW - AGENT_MS - 1);
                },
            ),
            (
                Kind::AgentCertificateExpires,
                |f| f.agents[0].certificate_ends = NOW + AGENT_CERTIFICATE_MS,
                |f| f.agents[0].certificate_ends = NOW + AGENT_CERTIFICATE_MS - 1,
            ),
            (
                Kind::CredentialExpires,
                |f| f.server.credential_ends = Some(NOW + CREDENTIAL_MS),
                |f| f.server.credential_ends = Some(NOW + CREDENTIAL_MS - 1),
            ),
            (
                Kind::AuthorityExpires,
                |f| f.server.authority_ends = Some(NOW + AUTHORITY_MS),
                |f| f.server.authority_ends = Some(NOW + AUTHORITY_MS - 1),
            ),
            (
                Kind::HighMemory,
                |f| f.server.memory = (8 << 30) / 100 * MEMORY_PERCENT - 1_000,
                |f| f.server.memory = (8 << 30) / 100 * MEMORY_PERCENT + 1_000,
            ),
            (
                Kind::HighProcessor,
                |f| f.server.processor_percent = Some(PROCESSOR_PERCENT - 1),
                |f| f.server.processor_percent = Some(PROCESSOR_PERCENT),
            ),
            (
                Kind::DiskNearlyFull,
                |f| f.server.disk_free = DISK_ENOUGH,
                |f| f.server.disk_free = DISK_ENOUGH - 1,
            ),
            (
                Kind::NoAgent,
                |f| {
                    f.sources[0].agents_connected = 0;
                    f.server.started = NOW - AGENT_MS;
                },
                |f| {
                    f.sources[0].agents_connected = 0;
                    f.server.started = NOW - AGENT_MS - 1;
                },
            ),
        ];
        for (kind, kept, passed) in cases {
            assert_eq!(told(kept), [], "{kind:?} too early");
            assert_eq!(told(passed), [*kind], "{kind:?} too late");
        }
        for (failures, wanted) in [(2, vec![]), (3, vec![Kind::ImportFailed])] {
            let failing = |f: &mut Facts| {
                f.sources[0].failure = why();
                f.sources[0].failures = failures;
            };
            assert_eq!(told(failing), wanted, "{failures} failures");
        }
    }

    #[test]
    fn a_refused_credential_is_told_at_once_and_by_its_own_name() {
        let source = |f: &mut Facts| {
            f.sources[0].failure = Some(Refusal::new(Code::SourceCredentialRefused));
            f.sources[0].failures = 1;
        };
        assert_eq!(told(source), [Kind::SourceAuthenticationFailed]);
        let target = |f: &mut Facts| {
            f.jobs[0].failure = Some(Refusal::new(Code::CredentialExpired));
            f.jobs[0].failures = 1;
        };
        assert_eq!(told(target), [Kind::TargetAuthenticationFailed]);
    }

    #[test]
    fn a_paused_job_and_a_source_nobody_reads_are_left_in_peace() {
        let paused = |f: &mut Facts| {
            f.jobs[0].is_active = false;
            f.jobs[0].failing = 7;
            f.sources[0].last_read_at = None;
            f.sources[0].failure = Some(Refusal::new(Code::SourceCredentialRefused));
        };
        assert_eq!(told(paused), []);
        let disabled = |f: &mut Facts| {
            f.jobs[0].is_active = false;
            f.jobs[0].is_disabled = true;
        };
        assert_eq!(told(disabled), [Kind::JobDisabled]);
    }

    #[test]
    fn after_a_start_nothing_is_missed_before_its_time() {
        let started = |f: &mut Facts| {
            f.server.started = NOW - MINUTE;
            f.sources[0].last_read_at = Some(NOW - 9 * DAY);
            f.sources[0].agents_connected = 0;
            f.agents[0].is_connected = false;
            f.agents[0].last_seen = Some(NOW - 9 * DAY);
        };
        assert_eq!(told(started), []);
    }

    #[test]
    fn held_deletions_are_counted_and_named() {
        let mut facts = quiet();
        facts.jobs[0].held = 600;
        facts.jobs[0].held_names = vec!["Ada".into()];
        facts.jobs[0].guard = Some(Refusal::new(Code::TooManyDeletes));
        let all = conditions(&facts, NOW);
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].count, all[0].affected.as_slice()),
            (600, &["Ada".to_owned()][..])
        );
        assert_eq!(
            all[0].why.as_ref().map(|why| why.code),
            Some(Code::TooManyDeletes)
        );
    }

    #[test]
    fn every_kind_says_what_to_do() {
        for kind in Kind::ALL {
            assert!(!kind.title().is_empty() && !kind.cause().is_empty());
            assert!(!kind.next_step().is_empty(), "{kind:?}");
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
    }
}
