//! The durable record of every action: one JSON object a line, each with the hash of the one before, written through to
//! the disk before and after each step.
//!
//! A line ends with its own hash, which is taken over the bytes before it, as they are in the file: whatever is changed
//! there is found, and fields that a later version adds leave old lines whole. What the chain can't find is a tail that
//! was cut off, or a file that was written anew from some line on: nothing after it tells. Whoever has to rule that out
//! keeps the last hash, or a copy of the file, in another place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::Ref;
use crate::model::plan::{Consent, Outcome, Past, Plan};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    /// The login on this machine.
    pub user: String,
    /// This machine's name.
    pub host: String,
    /// Where the SSH session comes from, if it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A confirmed plan starts.
    Begun {
        /// The plan as it was confirmed.
        plan: Box<Plan>,
        /// What was typed.
        consent: Consent,
        /// The profile.
        profile: String,
    },
    /// A step is about to be sent.
    Intent {
        /// The plan's id.
        plan: String,
        /// The step, from 0.
        step: usize,
    },
    /// A step has ended.
    Step {
        /// The plan's id.
        plan: String,
        /// The step, from 0.
        step: usize,
        /// How.
        result: Outcome,
    },
    /// A plan has ended.
    Ended {
        /// The plan's id.
        plan: String,
        /// How.
        result: Outcome,
    },
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts up from 1.
    pub seq: u64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Who acts.
    pub who: Who,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// The hash of the line before; empty for the first.
    pub previous: String,
    /// SHA-256, in hex, of this line's bytes before this field, which is the last.
    #[serde(skip_serializing)]
    pub hash: String,
}

/// How a line hangs together with the one before. Lines that this version does not understand have it, too.
#[derive(Deserialize)]
struct Chained {
    seq: u64,
    previous: String,
    hash: String,
}

/// A plan as the journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// Who began it.
    pub who: Who,
    /// The plan.
    pub plan: Plan,
    /// What was typed.
    pub consent: Consent,
    /// The profile.
    pub profile: String,
    /// How each step ended, as far as it did; a step that was only begun has `None`.
    pub steps: Vec<(usize, Option<Outcome>)>,
    /// How it ended; `None` for a plan that was left unfinished.
    pub result: Option<Outcome>,
}

/// The journal's file.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
    who: Who,
    clock: Clock,
}

impl Journal {
    /// The journal in the folder `state`, which is made where it is missing.
    pub fn open(state: &Path, who: Who, clock: Clock) -> Result<Self, Error> {
        // plans name what production runs on, and reasons are for colleagues: nobody else reads them
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
        made.map_err(|error| storage(state, &error))?;
        Ok(Self { path: state.join("journal.jsonl"), who, clock })
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line through to the disk. Several programs may do so at once.
    pub fn append(&self, entry: Entry) -> Result<(), Error> {
        let fail = |error: std::io::Error| storage(&self.path, &error);
        let mut open = OpenOptions::new();
        let mut file = open.read(true).append(true).create(true).mode(0o600).open(&self.path).map_err(fail)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|error| fail(error.into()))?;
        let (last, torn) = last_line(&mut file).map_err(fail)?;
        let record = Record {
            seq: last.as_ref().map_or(1, |last| last.seq.saturating_add(1)),
            at: self.clock.now(),
            who: self.who.clone(),
            entry,
            previous: last.map_or(String::new(), |last| last.hash),
            hash: String::new(),
        };
        let sealed = sealed(&record).map_err(|error| fail(error.into()))?;
        let line = format!("{}{sealed}\n", if torn { "\n" } else { "" });
        file.write_all(line.as_bytes()).map_err(fail)?;
        file.sync_data().map_err(fail)
    }

    /// All lines that can be read, and what is wrong with the others.
    pub fn read(&self) -> Result<(Vec<Record>, Vec<String>), Error> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(Error::Unreadable { what: self.path.display().to_string(), why: error.to_string() });
            }
        };
        Ok(decode(&bytes))
    }

    /// Asks the journal on a thread that may wait for the disk, which those of the runtime must not.
    pub async fn beside<T, F>(&self, ask: F) -> Result<T, Error>
    where
        F: FnOnce(&Self) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let journal = self.clone();
        tokio::task::spawn_blocking(move || ask(&journal)).await.unwrap_or_else(|lost| {
            Err(Error::Unreadable { what: self.path.display().to_string(), why: lost.to_string() })
        })
    }

    /// All plans, oldest first.
    pub fn told(&self) -> Result<Vec<Told>, Error> {
        let (records, _) = self.read()?;
        Ok(tell(records))
    }

    /// What was done earlier to any of these objects, oldest first; nothing of which it is not known.
    pub fn past(&self, objects: &[Ref]) -> Result<Vec<Past>, Error> {
        let wanted: BTreeSet<&Ref> = objects.iter().collect();
        let mut past = Vec::new();
        for told in self.told()? {
            for (at, outcome) in &told.steps {
                let Some(step) = told.plan.steps.get(*at) else { continue };
                if matches!(outcome, Some(Outcome::Done | Outcome::Pending { .. })) {
                    let shown = step.shows.iter().filter(|shown| wanted.contains(&shown.object));
                    past.extend(shown.map(|shown| Past { at: told.at, difference: shown.clone() }));
                }
            }
        }
        Ok(past)
    }
}

/// A record as a line, closed with its hash.
fn sealed(record: &Record) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(record)?;
    line.truncate(line.len().saturating_sub(1));
    let hash = digest(line.as_bytes());
    Ok(format!("{line}{SEAL}{hash}\"}}"))
}

/// What comes before the hash of a line.
const SEAL: &str = ",\"hash\":\"";

/// Whether a line is byte for byte as it was written.
fn is_whole(line: &[u8], hash: &str) -> bool {
    let end = format!("{SEAL}{hash}\"}}");
    line.strip_suffix(end.as_bytes()).is_some_and(|before| digest(before) == hash)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        hex
    })
}

/// The records of a file, and what is wrong with its other lines. A crash may leave any bytes: one bad line must not
/// hide the others.
fn decode(bytes: &[u8]) -> (Vec<Record>, Vec<String>) {
    let mut records = Vec::new();
    let mut faults = Vec::new();
    let mut expected = String::new();
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let chained: Chained = match serde_json::from_slice(line) {
            Ok(chained) => chained,
            Err(error) => {
                faults.push(format!("line {}: not whole ({error})", at + 1));
                continue;
            }
        };
        let record = serde_json::from_slice(line);
        if chained.previous != expected {
            faults.push(format!("line {}: does not follow the line before: one was changed or taken out", at + 1));
        } else if !is_whole(line, &chained.hash) {
            faults.push(format!("line {}: was changed after it was written", at + 1));
        } else if let Err(error) = &record {
            faults.push(format!("line {}: whole, but not understood by this version ({error})", at + 1));
        }
        records.extend(record);
        expected = chained.hash;
    }
    (records, faults)
}

/// Plans from lines.
fn tell(records: Vec<Record>) -> Vec<Told> {
    let mut order: Vec<String> = Vec::new();
    let mut plans: BTreeMap<String, Told> = BTreeMap::new();
    for record in records {
        match record.entry {
            Entry::Begun { plan, consent, profile } => {
                order.push(plan.id.clone());
                let told =
                    Told { at: record.at, who: record.who, consent, profile, steps: vec![], result: None, plan: *plan };
                plans.insert(told.plan.id.clone(), told);
            }
            Entry::Intent { plan, step } => {
                if let Some(told) = plans.get_mut(&plan) {
                    told.steps.push((step, None));
                }
            }
            Entry::Step { plan, step, result } => {
                if let Some(told) = plans.get_mut(&plan) {
                    told.steps.retain(|(at, _)| *at != step);
                    told.steps.push((step, Some(result)));
                }
            }
            Entry::Ended { plan, result } => {
                if let Some(told) = plans.get_mut(&plan) {
                    told.result = Some(result);
                }
            }
        }
    }
    order.iter().filter_map(|id| plans.remove(id)).collect()
}

/// The last line that can be read, and whether the file ends within a line.
fn last_line(file: &mut File) -> std::io::Result<(Option<Chained>, bool)> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut size: u64 = 64 * 1024;
    loop {
        let start = length.saturating_sub(size);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let torn = bytes.last().is_some_and(|byte| *byte != b'\n');
        let found =
            bytes.split(|byte| *byte == b'\n').rev().find_map(|line| serde_json::from_slice::<Chained>(line).ok());
        if found.is_some() || start == 0 {
            return Ok((found, torn));
        }
        size *= 4;
    }
}

fn storage(path: &Path, error: &std::io::Error) -> Error {
    Error::Storage { what: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests;
