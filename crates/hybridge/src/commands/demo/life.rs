//! Changes in the forest, and when each became visible in the tenant directory.
//!
//! A change counts as visible when the log holds a success about its object that is newer than the change. Trap: a change of
//! something out of scope never becomes visible; it is settled when the source has been read since and nothing is due.

use std::time::{Duration, Instant};

use forest::Change;
use jiff::Timestamp;
use wire::api::v1::{LogRecord, Page};

use super::{
    progress::{is_caught_up, look},
    world::World,
};
use crate::failure::Failure;

/// How often the log is looked at.
pub const LOOK: Duration = Duration::from_millis(25);
/// A change not settled by then is given up.
const GIVE_UP: Duration = Duration::from_secs(120);
/// How often the status is looked at, to settle changes without a record.
const STATUS_LOOK: Duration = Duration::from_millis(500);

/// A change on its way.
struct Waiting {
    change: Change,
    guid: String,
    made: Instant,
    made_at: Timestamp,
}

impl Waiting {
    /// Whether a record made at this time is about this change: a record from before it is about another one.
    fn is_answered_by(&self, record: &LogRecord, at: Timestamp) -> bool {
        self.guid == record.source_identity.id
            && at.as_millisecond() >= self.made_at.as_millisecond()
    }
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// Visible in the directory.
    Visible(Duration),
    /// Not done, for this reason: code and text.
    Refused(String, String),
    /// Nothing had to change in the directory.
    NothingToDo,
    /// It did not arrive.
    Lost,
}

/// Changes on their way and the place in the log.
pub struct Watch {
    waiting: Vec<Waiting>,
    after: String,
    looked: Instant,
    /// How long each visible change took, in the order of arrival.
    pub latencies: Vec<Duration>,
    /// Changes made.
    pub made: u64,
    /// Changes that did not arrive.
    pub lost: u64,
}

impl Watch {
    /// Begins at the present end of the log.
    ///
    /// # Errors
    /// By code.
    pub async fn begin(world: &World) -> Result<Self, Failure> {
        let query = [("limit", Some("1".to_owned()))];
        let page: Page<LogRecord> = world.client.get("log", &query).await?;
        Ok(Self {
            waiting: Vec::new(),
            after: page
                .items
                .first()
                .map_or_else(|| "0".into(), |record| record.id.clone()),
            looked: Instant::now(),
            latencies: Vec::new(),
            made: 0,
            lost: 0,
        })
    }

    /// Waits for this change from now on.
    pub fn add(&mut self, change: Change) {
        self.made += 1;
        self.waiting.push(Waiting {
            guid: change.guid.to_string(),
            change,
            made: Instant::now(),
            made_at: Timestamp::now(),
        });
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Looks at the log once; returns what has arrived.
    ///
    /// # Errors
    /// By code.
    pub async fn look(&mut self, world: &World) -> Result<Vec<(Change, Arrival)>, Failure> {
        let mut arrived = Vec::new();
        for record in self.records(world).await? {
            self.match_record(&record, &mut arrived);
        }
        if !self.waiting.is_empty() && self.looked.elapsed() > STATUS_LOOK {
            self.looked = Instant::now();
            self.settle(world, &mut arrived).await?;
        }
        for (_, arrival) in &arrived {
            match arrival {
                Arrival::Visible(latency) => self.latencies.push(*latency),
                Arrival::Lost => self.lost += 1,
                Arrival::Refused(..) | Arrival::NothingToDo => {}
            }
        }
        Ok(arrived)
    }

    async fn records(&mut self, world: &World) -> Result<Vec<LogRecord>, Failure> {
        let query = [
            ("order", Some("oldest".to_owned())),
            ("after", Some(self.after.clone())),
            ("limit", Some("1000".to_owned())),
        ];
        let page: Page<LogRecord> = world.client.get("log", &query).await?;
        if let Some(last) = page.items.last() {
            self.after.clone_from(&last.id);
        }
        Ok(page.items)
    }

    fn match_record(&mut self, record: &LogRecord, arrived: &mut Vec<(Change, Arrival)>) {
        let now = Instant::now();
        let at = record.activity_date_time.parse().unwrap_or(Timestamp::MIN);
        let (done, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.is_answered_by(record, at));
        self.waiting = waiting;
        let done: Vec<Waiting> = done;
        for waiting in done {
            let arrival = match (record.status.as_str(), &record.problem) {
                ("success", _) | (_, None) => Arrival::Visible(now.duration_since(waiting.made)),
                (_, Some(problem)) => {
                    Arrival::Refused(problem.code.clone(), record.summary.clone())
                }
            };
            arrived.push((waiting.change, arrival));
        }
    }

    /// Changes without a record: the source was read since, and everything is visible.
    async fn settle(
        &mut self,
        world: &World,
        arrived: &mut Vec<(Change, Arrival)>,
    ) -> Result<(), Failure> {
        let status = look(world).await?;
        let read_at = status.source.position.last_read_at.as_deref();
        let read_at = read_at.and_then(|text| text.parse::<Timestamp>().ok());
        let is_quiet = is_caught_up(&status) && status.source.reading.is_none();
        let mut waiting = Vec::new();
        for one in std::mem::take(&mut self.waiting) {
            // Twice the interval: the read that is told of may have begun before the change.
            let is_read = read_at
                .is_some_and(|at| at.as_millisecond() > one.made_at.as_millisecond() + 2_500);
            if is_quiet && is_read {
                arrived.push((one.change, Arrival::NothingToDo));
            } else if one.made.elapsed() > GIVE_UP {
                arrived.push((one.change, Arrival::Lost));
            } else {
                waiting.push(one);
            }
        }
        self.waiting = waiting;
        Ok(())
    }
}

/// The value below which this part of the durations lies, in milliseconds.
pub fn percentile(durations: &[Duration], percent: usize) -> u64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let at = (last * percent).div_ceil(100).min(last);
    sorted
        .get(at)
        .map_or(0, |one| u64::try_from(one.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_nothing_and_of_a_hundred() {
        assert_eq!(percentile(&[], 99), 0);
        let all: Vec<Duration> = (1..=101).map(Duration::from_millis).collect();
        assert_eq!((percentile(&all, 50), percentile(&all, 99)), (51, 100));
    }
}
