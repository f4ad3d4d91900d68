//! A generated forest as a process of its own, for measurements and for a look around.
//!
//! It never keeps anything: the directory lives and ends with the process. The trap: it ends when its standard input
//! does, so that it cannot outlive who started it; started by hand, leave the terminal open.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use forest::store::{ObjectId, State};
use forest::{Edit, Forest, Generated, Life, Options, Organisation, Rights, Shape};
use uuid::Uuid;

const HELP: &str = "\
A generated directory served over LDAP in Active Directory's dialect, in memory.

usage: forest [--people N] [--groups N] [--memberships N] [--largest N] [--believable] [--seed S]
              [--listen ADDRESS:PORT] [--directory PATH] [--account NAME] [--plain]

  --people N        people to generate                          (1000)
  --groups N        groups                                      (one for 50 people)
  --memberships N   memberships of each person, on average      (5)
  --largest N       people in the largest group, \"All Staff\"    (half of them)
  --believable      groups as a company has them, instead of the three options above
  --seed S          the same seed makes the same directory      (1)
  --listen A:P      one port serves LDAP, StartTLS and LDAPS    (127.0.0.1:0, any free port)
  --directory PATH  where ca.pem and password are written       (the current directory)
  --account NAME    account to bind with; it reads and may use DirSync  (bench)
  --plain           let simple binds in without TLS, too

When it serves it prints one JSON object in one line: url, ldaps, base, bind, password_file, ca_file, unit,
people, groups, objects, seed, generated_ms, pid. Certificates are for 127.0.0.1, ::1, localhost and ADDRESS.

Commands, one per line on standard input, each answered by one JSON object in one line. \"at_ns\" is the time just
before the change was made, in nanoseconds since 1970; clients that watch hear of it within the same call.
A command that fails answers {\"ok\":false,\"error\":\"...\"} and changes nothing.

  modify-one             gives the next person another telephoneNumber
  modify N               the same for the next N people; at_ns of the first
  add-member GROUP       makes somebody a member of the group with that name (cn) who is none yet
  remove-member GROUP    ends the membership of its first member
  add-one                creates a person
  delete-one             deletes the person that add-one created last, or the last person there is
  rename-one             gives the next person another name (cn)
  life N                 makes N changes as a company makes them; at_ns of the first
  stat                   objects, highestCommittedUSN and resident memory, changing nothing
  quit                   ends, as the end of the input does
";

/// What was asked on the command line.
struct Asked {
    organisation: Organisation,
    shape: Option<Shape>,
    listen: SocketAddr,
    directory: PathBuf,
    account: String,
    is_plain: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let asked = match read_arguments(&arguments) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("forest: {error}; see forest --help");
            return ExitCode::from(1);
        }
    };
    match serve(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forest: {error}");
            ExitCode::from(2)
        }
    }
}

fn read_arguments(arguments: &[String]) -> Result<Asked, String> {
    let (mut people, mut seed, mut each) = (1_000, 1, 5);
    let (mut groups, mut largest, mut is_believable) = (None, None, false);
    let mut asked = Asked {
        organisation: Organisation { people: 0, seed: 0 },
        shape: None,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        directory: PathBuf::from("."),
        account: "bench".to_owned(),
        is_plain: false,
    };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--people" => people = number(value()?)?,
            "--groups" => groups = Some(number(value()?)?),
            "--memberships" => each = number(value()?)?,
            "--largest" => largest = Some(number(value()?)?),
            "--believable" => is_believable = true,
            "--seed" => seed = number(value()?)? as u64,
            "--listen" => {
                let text = value()?;
                asked.listen = text
                    .parse()
                    .map_err(|_| format!("{text:?} is not an address with a port"))?;
            }
            "--directory" => asked.directory = PathBuf::from(value()?),
            "--account" => asked.account = value()?.clone(),
            "--plain" => asked.is_plain = true,
            other => return Err(format!("{other:?} is not an option")),
        }
    }
    let usual = Shape::of(people, each);
    asked.organisation = Organisation { people, seed };
    asked.shape = (!is_believable).then_some(Shape {
        groups: groups.unwrap_or(usual.groups),
        largest: largest.unwrap_or(usual.largest),
        ..usual
    });
    Ok(asked)
}

fn number(text: &str) -> Result<usize, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

type Failure = Box<dyn std::error::Error>;

fn serve(asked: &Asked) -> Result<(), Failure> {
    let started = Instant::now();
    let options = Options {
        seed: asked.organisation.seed,
        allows_plain_bind: asked.is_plain,
        ..Options::default()
    };
    let company = match asked.shape {
        Some(shape) => asked.organisation.build_shaped(options, shape)?,
        None => asked.organisation.build_with(options)?,
    };
    let generated = started.elapsed();
    let authority = forest::make_ca_for(&[
        "localhost",
        "127.0.0.1",
        "::1",
        &asked.listen.ip().to_string(),
    ])?;
    let password = Uuid::from_u128(fastrand::u128(..)).to_string();
    company
        .forest
        .add_account(&asked.account, &password, Rights::SYNC)?;
    let ca_file = asked.directory.join("ca.pem");
    let password_file = asked.directory.join("password");
    std::fs::create_dir_all(&asked.directory)?;
    std::fs::write(&ca_file, &authority.ca_pem)?;
    write_secret(&password_file, &password)?;

    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(company.forest.serve(asked.listen, Some(authority.server)))?;
    let state = company.forest.read();
    let ready = Line::new()
        .text("url", &format!("ldap://{}", served.addr))
        .text("ldaps", &format!("ldaps://{}", served.addr))
        .text("base", &state.options.domain_dn())
        .text(
            "bind",
            &format!("{}\\{}", state.options.netbios, asked.account),
        )
        .text("password_file", &absolute(&password_file))
        .text("ca_file", &absolute(&ca_file))
        .text("unit", &company.company)
        .count("people", company.people)
        .count("groups", company.groups)
        .count("objects", state.objects.len())
        .count("seed", asked.organisation.seed)
        .count("generated_ms", generated.as_millis())
        .count("pid", std::process::id());
    drop(state);
    say(&ready)?;
    let mut desk = Desk::new(company, asked.organisation.seed);
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.trim() {
            "" => {}
            "quit" => break,
            command => say(&desk
                .carry_out(command)
                .unwrap_or_else(|error| Line::refusal(&error.to_string())))?,
        }
    }
    runtime.block_on(served.shutdown());
    Ok(())
}

fn absolute(path: &Path) -> String {
    path.canonicalize()
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(secret.as_bytes())
}

fn say(line: &Line) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}}}", line.0)?;
    out.flush()
}

/// One JSON object in one line.
struct Line(String);

impl Line {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn change(at: i128) -> Self {
        Self("{\"ok\":true".to_owned()).count("at_ns", at)
    }

    fn refusal(error: &str) -> Self {
        Self("{\"ok\":false".to_owned()).text("error", error)
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("\"{name}\":"));
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.0.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                c if c.is_control() => self.0.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }

    fn count(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.name(name);
        self.0.push_str(&value.to_string());
        self
    }
}

/// Carries out the commands.
struct Desk {
    forest: Forest,
    unit: String,
    life: Life,
    people: Vec<Uuid>,
    next: usize,
    made: usize,
    added: Vec<Uuid>,
}

impl Desk {
    fn new(company: Generated, seed: u64) -> Self {
        let people = {
            let state = company.forest.read();
            state
                .ids()
                .filter(|id| is_person(&state, *id))
                .map(|id| state.object(id).guid)
                .collect()
        };
        Self {
            forest: company.forest,
            unit: company.large_unit,
            life: Life::new(seed),
            people,
            next: 0,
            made: 0,
            added: Vec::new(),
        }
    }

    fn carry_out(&mut self, command: &str) -> Result<Line, Failure> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        let at = now();
        match verb {
            "modify-one" => self.modify().map(|told| told.line(at, &self.forest)),
            "modify" => {
                for _ in 0..number(rest)? {
                    self.modify()?;
                }
                Ok(Line::change(at).count("done_ns", now()))
            }
            "add-member" => self.membership(rest, true, at),
            "remove-member" => self.membership(rest, false, at),
            "add-one" => self.add().map(|told| told.line(at, &self.forest)),
            "delete-one" => self.delete(at),
            "rename-one" => self.rename().map(|told| told.line(at, &self.forest)),
            "life" => {
                for _ in 0..number(rest)? {
                    self.life.next(&self.forest)?;
                }
                Ok(Line::change(at).count("done_ns", now()))
            }
            "stat" => Ok(self.stat()),
            other => Err(format!("{other:?} is not a command; see forest --help").into()),
        }
    }

    fn person(&mut self) -> Result<Uuid, Failure> {
        let state = self.forest.read();
        for _ in 0..self.people.len() {
            self.next = (self.next + 1) % self.people.len();
            if let Some(guid) = self.people.get(self.next)
                && state
                    .by_guid(*guid)
                    .is_some_and(|id| !state.object(id).is_deleted)
            {
                return Ok(*guid);
            }
        }
        Err("there is nobody left; start with more people".into())
    }

    fn modify(&mut self) -> Result<Told, Failure> {
        let guid = self.person()?;
        self.made += 1;
        let value = format!("+31 20 557 {:07}", self.made);
        self.forest
            .modify(guid, vec![Edit::set("telephoneNumber", &value)])?;
        Ok(Told {
            guid,
            value: Some(("telephoneNumber", value)),
        })
    }

    fn rename(&mut self) -> Result<Told, Failure> {
        let guid = self.person()?;
        self.made += 1;
        let value = format!("Renamed {:07}", self.made);
        self.forest.rename(guid, &value)?;
        Ok(Told {
            guid,
            value: Some(("cn", value)),
        })
    }

    fn add(&mut self) -> Result<Told, Failure> {
        self.made += 1;
        let account = format!("added{:07}", self.made);
        let address = format!("{account}@{}", self.forest.read().options.domain);
        let attributes = [
            ("sAMAccountName", account.as_str()),
            ("userPrincipalName", &address),
            ("mail", &address),
            ("displayName", &account),
        ];
        let guid = self.forest.add_user(&self.unit, &account, &attributes)?;
        self.added.push(guid);
        Ok(Told {
            guid,
            value: Some(("sAMAccountName", account)),
        })
    }

    fn delete(&mut self, at: i128) -> Result<Line, Failure> {
        let guid = self
            .added
            .pop()
            .or_else(|| self.people.pop())
            .ok_or("there is nobody left; start with more people")?;
        self.forest.delete(guid)?;
        Ok(Told { guid, value: None }.line(at, &self.forest))
    }

    fn membership(&mut self, name: &str, is_added: bool, at: i128) -> Result<Line, Failure> {
        let (group, member) = {
            let state = self.forest.read();
            let group = state
                .by_account(name)
                .ok_or_else(|| format!("no group is called {name:?}; try \"All Staff\""))?;
            let mut members = state.targets(group, forest::schema::attr::MEMBER, false);
            let member = if is_added {
                let members: std::collections::HashSet<ObjectId> = members.collect();
                self.people
                    .iter()
                    .filter_map(|guid| state.by_guid(*guid))
                    .find(|id| !members.contains(id) && !state.object(*id).is_deleted)
                    .ok_or("everybody is a member already")?
            } else {
                members.next().ok_or("the group has no members")?
            };
            (state.object(group).guid, state.object(member).guid)
        };
        let at = at.max(now());
        if is_added {
            self.forest.add_member(group, member)?;
        } else {
            self.forest.remove_member(group, member)?;
        }
        let dn = self.forest.dn_of(member).unwrap_or_default();
        let told = Told {
            guid: group,
            value: Some(("member", dn)),
        };
        Ok(told.line(at, &self.forest))
    }

    fn stat(&self) -> Line {
        let state = self.forest.read();
        Line("{\"ok\":true".to_owned())
            .count("objects", state.objects.len())
            .count("usn", state.usn)
            .count("rss_mib", resident_mib().unwrap_or(0))
    }
}

/// A change that was made.
struct Told {
    guid: Uuid,
    value: Option<(&'static str, String)>,
}

impl Told {
    fn line(self, at: i128, forest: &Forest) -> Line {
        let line = Line::change(at)
            .text("guid", &self.guid.to_string())
            .text("dn", &forest.dn_of(self.guid).unwrap_or_default());
        match self.value {
            Some((attribute, value)) => line.text("attribute", attribute).text("value", &value),
            None => line,
        }
    }
}

fn is_person(state: &State, id: ObjectId) -> bool {
    let object = state.object(id);
    let badge = forest::schema::attribute("employeeID");
    !object.is_deleted
        && object.class.name == "user"
        && badge.is_some_and(|badge| object.text(badge).is_some())
}

fn now() -> i128 {
    jiff::Timestamp::now().as_nanosecond()
}

/// Resident memory, where /proc tells it.
fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024)
}
