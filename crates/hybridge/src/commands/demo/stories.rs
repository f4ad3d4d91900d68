//! The three disasters of the demo: an OU is deleted, the agent dies, two people get one address.
//!
//! Each is done to the forest or the processes for real, and told with code, cause and cure as the server tells it.

use std::time::{Duration, Instant};

use forest::Edit;
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{Decided, Deletion, DeletionChoice, LogRecord, Page, Problem};

use super::{
    keys::Keys,
    progress::look,
    world::{World, fault},
};
use crate::{
    failure::Failure,
    output::one_line,
    show::{count, duration, plural, problem},
};

/// How long a story waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);
// LIMIT: names shown of the people the guard holds.
const NAMES: usize = 12;
/// How long the agent stays dead.
const DEATH: Duration = Duration::from_secs(4);
/// A key is waited for at most so long.
const THINKING: Duration = Duration::from_secs(600);

/// `d`: somebody deletes the large OU; the guard holds, names them, and somebody decides.
///
/// # Errors
/// By code.
pub async fn delete_unit(world: &World, keys: &mut Keys) -> Result<(), Failure> {
    let unit = &world.organisation.large_unit;
    let Some(guid) = world.forest().guid_of(unit) else {
        keys.say("that OU is gone already");
        return Ok(());
    };
    let deleted = world
        .forest()
        .delete_tree(guid)
        .map_err(|error| fault("the forest", error))?;
    keys.say(format!(
        "\nsomebody deletes {unit} with {}",
        plural(deleted as u64, "object")
    ));
    let Some(guard) = wait_for_guard(world).await? else {
        keys.say("the guard did not have to hold: too few");
        return Ok(());
    };
    keys.say(format!("the guard holds:\n{}", problem(&guard)));
    let page = world
        .client
        .list::<Deletion>("deletions", &[], 10_000)
        .await?;
    for deletion in page.items.iter().take(NAMES) {
        keys.say(format!(
            "    {} {} {}",
            deletion.verb,
            deletion.class.to_lowercase(),
            one_line(&deletion.name)
        ));
    }
    let rest = page.items.len().saturating_sub(NAMES);
    if rest > 0 {
        keys.say(format!("    … and {} more", count(rest as u64)));
    }
    keys.say("  r  refuse: they stay in the directory      a  allow: they are deleted there too");
    let path = match answer(keys, &['r', 'a', 'q']).await {
        Some('a') => "deletions/allow",
        _ => "deletions/refuse",
    };
    let choice = DeletionChoice {
        all: true,
        expected: Some(page.items.len() as u64),
        ..DeletionChoice::default()
    };
    let decided: Decided = world.client.post(path, &choice).await?;
    let word = if path.ends_with("allow") {
        "allowed; carried out now"
    } else {
        "refused; nobody was deleted"
    };
    keys.say(format!("{} {word}", plural(decided.count, "deletion")));
    Ok(())
}

async fn wait_for_guard(world: &World) -> Result<Option<Problem>, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let status = look(world).await?;
        if status.guard.is_some() {
            return Ok(status.guard);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}

async fn answer(keys: &mut Keys, wanted: &[char]) -> Option<char> {
    let begun = Instant::now();
    while begun.elapsed() < THINKING {
        match keys.pressed() {
            Some(key) if wanted.contains(&key) => return Some(key),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    None
}

/// `k`: the agent dies and comes back; nothing is lost.
///
/// # Errors
/// By code.
pub async fn kill_agent(world: &mut World, keys: &Keys) -> Result<(), Failure> {
    world.kill_agent().await?;
    let code = Refusal::new(Code::HybridIdentityServiceNoActiveAgents)
        .with("connector", &world.job.source.name);
    keys.say(format!(
        "\nthe agent is killed; if it stayed away, this is what `hybridge status` would say:\n{}",
        problem(&code.into())
    ));
    tokio::time::sleep(DEATH).await;
    let back = Instant::now();
    let asked = jiff::Timestamp::now();
    world.start_agent(None)?;
    while back.elapsed() < PATIENCE {
        let status = look(world).await?;
        let read_at = status
            .source
            .position
            .last_read_at
            .and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if read_at.is_some_and(|at| at > asked) {
            let ms = u64::try_from(back.elapsed().as_millis()).unwrap_or(u64::MAX);
            keys.say(format!(
                "the agent is back: reading goes on where it stopped, {} after its start",
                duration(ms)
            ));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    keys.say("the agent is started; reading has not begun again yet");
    Ok(())
}

/// `c`: two people get one address; one of them is refused, the other is left in peace.
///
/// # Errors
/// By code.
pub async fn collide(world: &World, keys: &Keys, number: u32) -> Result<(), Failure> {
    let company = world.organisation.company.to_lowercase();
    let listing = world.forest().listing();
    let mut people = listing
        .iter()
        .filter(|one| one.class == "user" && one.dn.to_lowercase().ends_with(&company))
        .filter(|one| one.text("mail").is_some() && one.text("displayName").is_some())
        .skip(number as usize * 2);
    let (Some(first), Some(second)) = (people.next(), people.next()) else {
        keys.say("there are no two people left");
        return Ok(());
    };
    let address = format!("smtp:shared{number}@canal.example");
    let from = newest(world).await?;
    for person in [first, second] {
        let edit = Edit::add("proxyAddresses", &address);
        world
            .forest()
            .modify(person.guid, vec![edit])
            .map_err(|error| fault("the forest", error))?;
    }
    keys.say(format!(
        "\n{} and {} both get {address}",
        one_line(first.text("displayName").unwrap_or_default()),
        one_line(second.text("displayName").unwrap_or_default()),
    ));
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let query = [
            ("order", Some("oldest".to_owned())),
            ("after", Some(from.clone())),
            ("status", Some("failure".to_owned())),
        ];
        let page: Page<LogRecord> = world.client.get("log", &query).await?;
        let guids = [first.guid.to_string(), second.guid.to_string()];
        let about = page
            .items
            .iter()
            .find(|record| guids.contains(&record.source_identity.id));
        if let Some((record, told)) =
            about.and_then(|record| Some((record, record.problem.as_ref()?)))
        {
            keys.say(format!(
                "{} is refused:\n{}",
                one_line(&record.source_identity.display_name),
                problem(told)
            ));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    keys.say("no refusal was recorded");
    Ok(())
}

async fn newest(world: &World) -> Result<String, Failure> {
    let query = [("limit", Some("1".to_owned()))];
    let page: Page<LogRecord> = world.client.get("log", &query).await?;
    Ok(page
        .items
        .first()
        .map_or_else(|| "0".into(), |record| record.id.clone()))
}
