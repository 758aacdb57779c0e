//! What the feed knows between its polls: aliases, versions, runs, and the rows that it sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::api::{Api, BATCH};
use super::identity;
use super::record::{Entry, Origin, choose_metrics, heads};
use super::wire::{Model, Run, Version};
use crate::model::health::Error;
use crate::model::id::Key;
use crate::model::record::{Head, Record, Row};

/// How many runs that no search found are asked for one by one, in a poll.
const SINGLE: usize = 20;

/// Aliases of each model's versions.
type Aliases = HashMap<Arc<str>, Vec<(String, String)>>;

/// Everything that was learned so far.
#[derive(Default)]
pub(super) struct Known {
    aliases: Option<Aliases>,
    /// The aliases as this poll brings them.
    arriving: Aliases,
    versions: BTreeMap<Key, Arc<Version>>,
    seen: HashSet<Key>,
    runs: HashMap<String, Origin>,
    logged: HashMap<String, Option<Arc<Run>>>,
    experiments: Vec<String>,
    metrics: Option<Arc<[Arc<str>]>>,
    sent: HashMap<Key, Arc<Row>>,
    /// Ids to ask for in this poll.
    waiting: Waiting,
}

#[derive(Default)]
struct Waiting {
    logged: Vec<String>,
    runs: Vec<String>,
    single: Vec<String>,
    /// Whether the experiments were listed in this poll.
    listed: bool,
    /// Whether the runs of the logged models that just came are in `runs`.
    derived: bool,
}

impl Known {
    /// How many versions there are.
    pub(super) fn versions(&self) -> usize {
        self.versions.len()
    }

    /// How many versions this poll has brought.
    pub(super) fn seen(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn take_models(&mut self, models: Vec<Model>, first: bool) {
        if first {
            self.arriving.clear();
            self.seen.clear();
        }
        self.arriving.extend(models.into_iter().map(|model| (model.name, model.aliases)));
    }

    pub(super) fn models_are_over(&mut self) {
        self.aliases = Some(std::mem::take(&mut self.arriving)).filter(|aliases| !aliases.is_empty());
    }

    /// The aliases could not be had.
    pub(super) fn forget_models(&mut self) {
        self.arriving.clear();
        self.seen.clear();
    }

    pub(super) fn take_versions(&mut self, versions: Vec<Version>) -> Vec<Key> {
        let mut keys = Vec::with_capacity(versions.len());
        for version in versions {
            let key = identity::key(&version.name, &version.number);
            self.seen.insert(key.clone());
            self.versions.insert(key.clone(), Arc::new(version));
            keys.push(key);
        }
        keys
    }

    /// Forgets what this poll has not brought, if its list was whole; else gives those rows once more.
    pub(super) fn versions_are_over(&mut self, whole: bool) -> Vec<Arc<Row>> {
        if whole {
            let seen = &self.seen;
            self.versions.retain(|key, _| seen.contains(key));
            self.sent.retain(|key, _| seen.contains(key));
            return Vec::new();
        }
        let missing: Vec<Key> = self.versions.keys().filter(|key| !self.seen.contains(key)).cloned().collect();
        self.rows(&missing).collect()
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        let version = self.versions.get(key)?;
        let pairs = self.aliases.as_ref().and_then(|models| models.get(&version.name));
        let aliases = pairs.map(|pairs| {
            let mut mine: Vec<String> =
                pairs.iter().filter(|(_, at)| *at == version.number).map(|(alias, _)| alias.clone()).collect();
            // the champion is read first
            mine.sort_by_key(|alias| (alias != "champion", alias.clone()));
            mine
        });
        let aliases = aliases.or_else(|| Some(version.aliases.clone()).filter(|aliases| !aliases.is_empty()));
        let logged = version.logged_model().and_then(|id| self.logged.get(id)).cloned().flatten();
        let mut entry = Entry {
            version: Arc::clone(version),
            aliases,
            origin: Origin::None,
            logged,
            metrics: self.metrics.clone().unwrap_or_default(),
        };
        if let Some(id) = entry.run_id() {
            entry.origin = self.runs.get(id).cloned().unwrap_or(Origin::Waiting);
        }
        Some(entry)
    }

    /// The rows of these versions; rows that have not changed are the same ones as before.
    pub(super) fn rows(&mut self, keys: &[Key]) -> impl Iterator<Item = Arc<Row>> + use<> {
        let rows: Vec<Arc<Row>> = keys.iter().filter_map(|key| self.row(key).map(|(row, _)| row)).collect();
        rows.into_iter()
    }

    /// The rows that are not as they were sent.
    pub(super) fn changed_rows(&mut self) -> Vec<Arc<Row>> {
        let keys: Vec<Key> = self.versions.keys().cloned().collect();
        keys.iter().filter_map(|key| self.row(key)).filter(|(_, changed)| *changed).map(|(row, _)| row).collect()
    }

    fn row(&mut self, key: &Key) -> Option<(Arc<Row>, bool)> {
        let row = self.entry(key)?.row();
        match self.sent.get(key) {
            Some(sent) if **sent == *row => Some((Arc::clone(sent), false)),
            _ => {
                self.sent.insert(key.clone(), Arc::clone(&row));
                Some((row, true))
            }
        }
    }

    /// The headings, if the metrics that have a column are others than before.
    pub(super) fn new_heads(&mut self) -> Option<Arc<[Head]>> {
        let entries: Vec<Entry> = self.versions.keys().filter_map(|key| self.entry(key)).collect();
        let chosen = choose_metrics(entries.iter());
        if self.metrics.as_ref() == Some(&chosen) {
            return None;
        }
        self.metrics = Some(Arc::clone(&chosen));
        Some(heads(&chosen))
    }

    /// Lists the runs and logged models that are new or still change.
    pub(super) fn list_origins(&mut self) {
        let mut waiting = Waiting::default();
        for version in self.versions.values() {
            if let Some(id) = version.logged_model().filter(|id| !self.logged.contains_key(*id)) {
                waiting.logged.push(id.to_owned());
            }
            if !version.run_id.is_empty() && self.is_open(&version.run_id) {
                waiting.runs.push(version.run_id.clone());
            }
        }
        for ids in [&mut waiting.logged, &mut waiting.runs] {
            ids.sort_unstable();
            ids.dedup();
        }
        self.waiting = waiting;
    }

    /// Whether a run has to be asked for: unknown, or still running.
    fn is_open(&self, id: &str) -> bool {
        match self.runs.get(id) {
            None | Some(Origin::Waiting | Origin::None) => true,
            Some(Origin::Run(run)) => matches!(run.status.as_str(), "RUNNING" | "SCHEDULED"),
            Some(Origin::Deleted | Origin::Hidden) => false,
        }
    }

    /// Asks for the next batch; false when there is nothing more to ask in this poll.
    pub(super) async fn next_origins(&mut self, api: &Api) -> Result<bool, Error> {
        if self.waiting.logged.is_empty() && !self.waiting.derived {
            self.derive_runs();
        }
        if self.waiting.logged.is_empty() && self.waiting.runs.is_empty() {
            return self.ask_singly(api).await;
        }
        if self.experiments.is_empty() && !self.waiting.listed {
            self.experiments = api.experiments().await?;
            self.waiting.listed = true;
            return Ok(true);
        }
        if self.waiting.logged.is_empty() { self.ask_runs(api).await } else { self.ask_logged(api).await }
    }

    async fn ask_logged(&mut self, api: &Api) -> Result<bool, Error> {
        let ids = last_batch(&self.waiting.logged);
        let (asked, found) = match api.logged_models(&self.experiments, &ids).await {
            Ok(found) => (ids.len(), found),
            // a server that can't search for them
            Err(Error::Refused { .. } | Error::Gone { .. } | Error::Protocol { .. }) => {
                (SINGLE, singly(api, &ids).await?)
            }
            Err(error) => return Err(error),
        };
        for id in ids.iter().take(asked) {
            self.logged.insert(id.clone(), None);
        }
        for model in found {
            self.logged.insert(model.id.clone(), Some(Arc::new(model)));
        }
        self.waiting.logged.truncate(self.waiting.logged.len() - ids.len());
        Ok(true)
    }

    /// Adds the runs that made the logged models.
    fn derive_runs(&mut self) {
        self.waiting.derived = true;
        let made = self.versions.keys().filter_map(|key| self.entry(key)?.run_id().map(str::to_owned));
        let made: Vec<String> = made.filter(|id| self.is_open(id) && !self.waiting.runs.contains(id)).collect();
        self.waiting.runs.extend(made);
    }

    async fn ask_runs(&mut self, api: &Api) -> Result<bool, Error> {
        let ids = last_batch(&self.waiting.runs);
        let found = api.runs(&self.experiments, &ids).await?;
        let mut missing: HashSet<&String> = ids.iter().collect();
        for run in found {
            missing.remove(&run.id);
            let id = run.id.clone();
            self.runs.insert(id, if run.deleted { Origin::Deleted } else { Origin::Run(Arc::new(run)) });
        }
        if !missing.is_empty() && !self.waiting.listed {
            // they may belong to an experiment that is new
            self.experiments = api.experiments().await?;
            self.waiting.listed = true;
            return Ok(true);
        }
        self.waiting.single.extend(missing.into_iter().cloned());
        self.waiting.runs.truncate(self.waiting.runs.len() - ids.len());
        Ok(true)
    }

    /// Asks why a search did not find some runs, a few in each poll.
    async fn ask_singly(&mut self, api: &Api) -> Result<bool, Error> {
        self.waiting.single.sort_unstable();
        self.waiting.single.truncate(SINGLE);
        while let Some(id) = self.waiting.single.pop() {
            let origin = match api.run(&id).await {
                Ok(run) if run.deleted => Origin::Deleted,
                Ok(run) => Origin::Run(Arc::new(run)),
                Err(Error::Gone { .. } | Error::Refused { .. }) => Origin::Deleted,
                Err(Error::Forbidden { .. }) => Origin::Hidden,
                Err(error) => return Err(error),
            };
            self.runs.insert(id, origin);
        }
        Ok(false)
    }
}

/// The last [`BATCH`] of these ids.
fn last_batch(ids: &[String]) -> Vec<String> {
    ids.iter().skip(ids.len().saturating_sub(BATCH)).cloned().collect()
}

/// The first few logged models, one by one.
async fn singly(api: &Api, ids: &[String]) -> Result<Vec<Run>, Error> {
    let mut found = Vec::new();
    for id in ids.iter().take(SINGLE) {
        match api.logged_model(id).await {
            Ok(model) => found.push(model),
            Err(Error::Gone { .. } | Error::Refused { .. } | Error::Forbidden { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
