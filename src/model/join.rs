//! The rows of all panes, and the columns of one that come from another.
//!
//! Systems do not know each other: their rows meet here, by [`Ref`](super::id::Ref) or by the same key. A change of one
//! pane gives a batch for its own tables and one for each pane that shows something of the rows that changed; only
//! those rows are made anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::DateTime;

use super::id::{Key, PaneId};
use super::record::{Batch, Fold, Head, Join, Row, Rows, Touched, Way};
use super::value::{Unit, Value};
use super::verb::Pane;

/// The rows of all panes.
#[derive(Debug, Clone, Default)]
pub struct Panes {
    by_id: BTreeMap<PaneId, Entry>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    /// The pane's own heads.
    own: Arc<[Head]>,
    /// Those and, behind them, the joined ones.
    heads: Arc<[Head]>,
    joins: Vec<Join>,
    /// As the system sent them.
    rows: Rows,
    /// With the joined cells; empty for a pane without joins.
    joined: Rows,
    /// Which of these rows refer to a row of another pane, for those panes where somebody asks.
    referrers: BTreeMap<PaneId, HashMap<Key, BTreeSet<Key>>>,
}

impl Panes {
    /// Empty panes of these kinds. Joins with a pane that is not among them are left out.
    pub fn new<'a>(panes: impl IntoIterator<Item = &'a Pane>) -> Self {
        Self::declare(panes.into_iter().map(|pane| (pane.id, (pane.heads)(), (pane.joins)())))
    }

    /// Empty panes with these names, heads and joins.
    pub fn declare(panes: impl IntoIterator<Item = (PaneId, Arc<[Head]>, Vec<Join>)>) -> Self {
        let mut by_id: BTreeMap<PaneId, Entry> = panes
            .into_iter()
            .map(|(id, own, joins)| (id, Entry { heads: Arc::clone(&own), own, joins, ..Entry::default() }))
            .collect();
        let known: BTreeSet<PaneId> = by_id.keys().copied().collect();
        let mut asked = Vec::new();
        for (id, entry) in &mut by_id {
            entry.joins.retain(|join| known.contains(&join.pane));
            entry.combine_heads();
            asked.extend(entry.joins.iter().map(|join| match join.way {
                Way::Forward => (*id, join.pane),
                Way::Backward(_) => (join.pane, *id),
            }));
        }
        for (from, to) in asked {
            if let Some(entry) = by_id.get_mut(&from) {
                entry.referrers.entry(to).or_default();
            }
        }
        Self { by_id }
    }

    /// The heads of a pane with its joined columns: what its tables show.
    #[must_use]
    pub fn heads(&self, pane: PaneId) -> Arc<[Head]> {
        self.by_id.get(&pane).map(|entry| Arc::clone(&entry.heads)).unwrap_or_default()
    }

    /// The rows of a pane with their joined cells.
    #[must_use]
    pub fn rows(&self, pane: PaneId) -> Option<&Rows> {
        self.by_id.get(&pane).map(|entry| if entry.joins.is_empty() { &entry.rows } else { &entry.joined })
    }

    /// The names of all panes.
    pub fn ids(&self) -> impl Iterator<Item = PaneId> {
        self.by_id.keys().copied()
    }

    /// Takes in what a feed brought and says what it means for the tables of each pane, this one first.
    pub fn apply(&mut self, pane: PaneId, batch: &Batch) -> Vec<(PaneId, Batch)> {
        let Some(entry) = self.by_id.get_mut(&pane) else { return vec![(pane, batch.clone())] };
        let was_loaded = entry.rows.loaded;
        if let Some(heads) = &batch.heads {
            entry.own = Arc::clone(heads);
            entry.combine_heads();
        }
        let touched = entry.rows.apply(batch);
        entry.index(&touched);
        let everything = batch.heads.is_some() || was_loaded != entry.rows.loaded;
        let mut out = vec![(pane, self.own_batch(pane, batch, &touched))];
        let dependants: Vec<PaneId> = self
            .by_id
            .iter()
            .filter(|(_, entry)| entry.joins.iter().any(|join| join.pane == pane))
            .map(|(id, _)| *id)
            .collect();
        for id in dependants {
            let keys = if everything { self.all_keys(id) } else { self.affected(id, pane, &touched) };
            let rows = self.rejoin(id, &keys);
            if !rows.is_empty() {
                out.push((id, Batch { rows, ..Batch::default() }));
            }
        }
        out
    }

    /// What the batch means for the pane itself: its rows with their joined cells.
    fn own_batch(&mut self, pane: PaneId, batch: &Batch, touched: &[Touched]) -> Batch {
        let Some(entry) = self.by_id.get(&pane).filter(|entry| !entry.joins.is_empty()) else { return batch.clone() };
        let heads = batch.heads.as_ref().map(|_| Arc::clone(&entry.heads));
        let keys = if heads.is_some() {
            self.all_keys(pane)
        } else {
            touched.iter().filter_map(|it| it.new.as_ref().map(|row| row.key.clone())).collect()
        };
        let rows = self.rejoin(pane, &keys);
        let out = Batch { rows, heads, ..batch.clone() };
        if let Some(entry) = self.by_id.get_mut(&pane) {
            entry.joined.apply(&Batch { rows: Vec::new(), ..out.clone() });
        }
        out
    }

    fn all_keys(&self, pane: PaneId) -> BTreeSet<Key> {
        self.by_id.get(&pane).into_iter().flat_map(|entry| entry.rows.iter()).map(|row| row.key.clone()).collect()
    }

    /// The rows of `pane` that show something of the touched rows of `other`.
    fn affected(&self, pane: PaneId, other: PaneId, touched: &[Touched]) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        let (Some(entry), Some(from)) = (self.by_id.get(&pane), self.by_id.get(&other)) else { return keys };
        for join in entry.joins.iter().filter(|join| join.pane == other) {
            let column = from.column(join.column);
            for it in touched.iter().filter(|it| matters(join.way, column, it)) {
                let both = it.old.iter().chain(&it.new);
                match join.way {
                    Way::Forward => {
                        let Some(key) = both.map(|row| &row.key).next() else { continue };
                        keys.insert(key.clone());
                        keys.extend(entry.referring_to(other, key).cloned());
                    }
                    Way::Backward(_) => keys
                        .extend(both.flat_map(|row| &row.refs).filter(|to| to.pane == pane).map(|to| to.key.clone())),
                }
            }
        }
        keys
    }

    /// Makes these rows of `pane` anew, with their joined cells; returns those that are not what they were.
    fn rejoin(&mut self, pane: PaneId, keys: &BTreeSet<Key>) -> Vec<Arc<Row>> {
        let Some(entry) = self.by_id.get(&pane) else { return Vec::new() };
        let rows: Vec<Arc<Row>> =
            keys.iter().filter_map(|key| entry.rows.get(key)).map(|row| self.join(pane, entry, row)).collect();
        let Some(entry) = self.by_id.get_mut(&pane) else { return Vec::new() };
        let touched = entry.joined.apply(&Batch { rows, ..Batch::default() });
        touched.into_iter().filter_map(|it| it.new).collect()
    }

    fn join(&self, pane: PaneId, entry: &Entry, row: &Row) -> Arc<Row> {
        let own = (0..entry.own.len()).map(|at| row.cell(at).clone());
        let joined = entry.joins.iter().map(|join| {
            let Some(other) = self.by_id.get(&join.pane) else { return Value::None };
            let column = other.column(join.column);
            match join.way {
                Way::Forward => {
                    let key = row.ref_into(join.pane).map_or(&row.key, |to| &to.key);
                    let found = other.rows.get(key).zip(column);
                    found.map_or(Value::None, |(row, column)| row.cell(column).clone())
                }
                Way::Backward(fold) => {
                    let rows: Vec<_> =
                        other.referring_to(pane, &row.key).filter_map(|key| other.rows.get(key)).collect();
                    // nothing known is not nothing there
                    if rows.is_empty() && !other.rows.loaded { Value::None } else { folded(fold, &rows, column) }
                }
            }
        });
        Arc::new(Row { key: row.key.clone(), cells: own.chain(joined).collect(), refs: row.refs.clone() })
    }
}

impl Entry {
    fn combine_heads(&mut self) {
        self.heads = self.own.iter().chain(self.joins.iter().map(|join| &join.head)).cloned().collect();
    }

    fn column(&self, id: &str) -> Option<usize> {
        self.own.iter().position(|head| head.id == id)
    }

    /// The keys of the rows here that refer to the row `key` of `pane`.
    fn referring_to(&self, pane: PaneId, key: &Key) -> impl Iterator<Item = &Key> {
        self.referrers.get(&pane).and_then(|by_target| by_target.get(key)).into_iter().flatten()
    }

    fn index(&mut self, touched: &[Touched]) {
        for it in touched {
            let refs = |row: &Option<Arc<Row>>| row.as_ref().map(|row| row.refs.clone()).unwrap_or_default();
            let (old, new) = (refs(&it.old), refs(&it.new));
            let Some(key) = it.new.as_ref().or(it.old.as_ref()).map(|row| &row.key).filter(|_| old != new) else {
                continue;
            };
            for to in &old {
                let Some(by_target) = self.referrers.get_mut(&to.pane) else { continue };
                let Some(keys) = by_target.get_mut(&to.key) else { continue };
                keys.remove(key);
                if keys.is_empty() {
                    by_target.remove(&to.key);
                }
            }
            for to in &new {
                if let Some(by_target) = self.referrers.get_mut(&to.pane) {
                    by_target.entry(to.key.clone()).or_default().insert(key.clone());
                }
            }
        }
    }
}

/// Whether what happened to a row can be seen through the join.
fn matters(way: Way, column: Option<usize>, it: &Touched) -> bool {
    let (Some(old), Some(new)) = (&it.old, &it.new) else { return true };
    let cell_differs = column.is_some_and(|column| old.cell(column) != new.cell(column));
    match way {
        Way::Forward => cell_differs,
        Way::Backward(Fold::Count) => old.refs != new.refs,
        Way::Backward(_) => cell_differs || old.refs != new.refs,
    }
}

/// One cell from the cells of several rows, which come in the order of their keys.
fn folded(fold: Fold, rows: &[&Arc<Row>], column: Option<usize>) -> Value {
    let cells = || {
        let cells = rows.iter().filter_map(|row| column.map(|column| row.cell(column)));
        cells.filter(|cell| !cell.is_none())
    };
    match fold {
        Fold::Count => Value::Int(i64::try_from(rows.len()).unwrap_or(i64::MAX)),
        Fold::List => {
            let mut distinct: Vec<&Value> = Vec::new();
            for cell in cells() {
                if !distinct.contains(&cell) {
                    distinct.push(cell);
                }
            }
            if let [only] = distinct.as_slice() {
                return (*only).clone();
            }
            distinct.sort_by(|a, b| a.order(b));
            let texts: Vec<String> = distinct.iter().map(|cell| words(cell)).collect();
            Value::text(&texts.join(", "))
        }
        Fold::Max => {
            let numbered = cells().filter_map(|cell| Some((cell.number()?, cell)));
            numbered.max_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(Value::None, |(_, cell)| cell.clone())
        }
        Fold::Sum => {
            let whole: Option<i64> = cells().try_fold(0_i64, |sum, cell| match cell {
                Value::Int(number) => sum.checked_add(*number),
                _ => None,
            });
            let mut numbers = cells().filter_map(Value::number).peekable();
            match whole {
                _ if numbers.peek().is_none() => Value::None,
                Some(whole) => Value::Int(whole),
                None => Value::Number(numbers.sum(), cells().find_map(unit).unwrap_or(Unit::None)),
            }
        }
    }
}

/// A cell as words that do not depend on the time.
fn words(cell: &Value) -> String {
    match cell {
        Value::Time(at) => at.format("%Y-%m-%d %H:%MZ").to_string(),
        other => other.show(DateTime::UNIX_EPOCH),
    }
}

fn unit(cell: &Value) -> Option<Unit> {
    match cell {
        Value::Number(_, unit) => Some(*unit),
        Value::Spark(series) => Some(series.unit),
        Value::Pair(pair) => unit(&pair.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
