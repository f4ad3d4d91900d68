//! Intervals of dates, as Visual Basic writes them.
//!
//! Never knows a time zone but UTC. Trap: a difference counts the beginnings of intervals that were passed, not whole
//! intervals; only `w` counts whole weeks.

use jiff::{Span, Timestamp, civil::DateTime, tz::Offset};

use crate::expression::evaluate::{Arguments, Halt};

const SECONDS_PER_DAY: i64 = 86_400;

/// A unit of time.
#[derive(Clone, Copy)]
pub(super) enum Interval {
    Year,
    Quarter,
    Month,
    Week,
    Weekday,
    Day,
    Hour,
    Minute,
    Second,
}

impl Interval {
    /// The interval an argument names.
    pub(super) fn of(a: &Arguments<'_>, index: usize) -> Result<Self, Halt> {
        let name = a.text(index)?.unwrap_or_default();
        Ok(match &*name {
            "yyyy" => Self::Year,
            "q" => Self::Quarter,
            "m" => Self::Month,
            "ww" => Self::Week,
            "w" => Self::Weekday,
            "d" | "y" => Self::Day,
            "h" => Self::Hour,
            "n" => Self::Minute,
            "s" => Self::Second,
            other => {
                return Err(a.fail(format!(
                    "there is no interval {other}: use yyyy, q, m, ww, w, d, y, h, n or s"
                )));
            }
        })
    }

    /// The moment so many intervals later; `None`: it is out of range.
    pub(super) fn after(self, moment: Timestamp, count: i64) -> Option<Timestamp> {
        let span = Span::new();
        let span = match self {
            Self::Year => span.try_years(count),
            Self::Quarter => span.try_months(count.checked_mul(3)?),
            Self::Month => span.try_months(count),
            Self::Week => span.try_weeks(count),
            Self::Day | Self::Weekday => span.try_days(count),
            Self::Hour => span.try_hours(count),
            Self::Minute => span.try_minutes(count),
            Self::Second => span.try_seconds(count),
        };
        let later = civil(moment).checked_add(span.ok()?).ok()?;
        Offset::UTC.to_timestamp(later).ok()
    }

    /// How many intervals lie between two moments.
    pub(super) fn between(self, first: Timestamp, second: Timestamp) -> i64 {
        let weeks = |moment| (days(moment) + 4).div_euclid(7);
        let difference = |count: &dyn Fn(Timestamp) -> i64| count(second) - count(first);
        match self {
            Self::Year => difference(&|moment| civil(moment).year().into()),
            Self::Quarter => difference(&|moment| months(moment).div_euclid(3)),
            Self::Month => difference(&months),
            Self::Week => difference(&weeks),
            Self::Weekday => difference(&days) / 7,
            Self::Day => difference(&days),
            Self::Hour => difference(&|moment| moment.as_second().div_euclid(3600)),
            Self::Minute => difference(&|moment| moment.as_second().div_euclid(60)),
            Self::Second => difference(&|moment| moment.as_second()),
        }
    }
}

fn civil(moment: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(moment)
}

/// Days since 1970-01-01, a Thursday.
fn days(moment: Timestamp) -> i64 {
    moment.as_second().div_euclid(SECONDS_PER_DAY)
}

/// Months since the year 0.
fn months(moment: Timestamp) -> i64 {
    let time = civil(moment);
    i64::from(time.year()) * 12 + i64::from(time.month()) - 1
}
