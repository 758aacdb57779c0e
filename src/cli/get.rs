//! `quarterdeck get`: rows of a pane, or one object.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::args::{GetArgs, Output};
use super::connect::{Reading, link, pane};
use super::print::{Printed, pretty, yaml};
use super::session::Session;
use super::{Failure, out};
use crate::app::own;
use crate::model::columns::Columns;
use crate::model::id::{Key, PaneId, Ref};
use crate::model::record::{Batch, Head, Row, Rows};
use crate::model::table::{Sort, TableModel};
use crate::model::verb::Pane;

/// Prints what was asked for.
pub(super) async fn run(session: &Session, args: &GetArgs) -> Result<ExitCode, Failure> {
    let pane = pane(session, &args.pane)?;
    let limit = Duration::from_secs(args.timeout.clamp(1, 3600));
    if pane.id == own::AUDIT {
        return audit(session, args, &pane);
    }
    let whole_object = args.name.is_some() && matches!(args.output, Output::Json | Output::Yaml) && !args.watch;
    let mut reading =
        if whole_object { Reading::alone(session, pane, limit) } else { Reading::begin(session, pane, limit) };
    reading.first().await?;
    for (id, note) in reading.notes() {
        out::words(&format!("{id}: {note}"));
    }
    let heads = reading.panes.heads(pane.id);
    let empty = Rows::default();
    let rows = reading.panes.rows(pane.id).unwrap_or(&empty);
    if let Some(name) = &args.name {
        let row = find(rows, name, (&pane, session.namespace().as_deref()))?;
        if whole_object {
            return object(session, args, &Ref { pane: pane.id, key: row.key.clone() }, limit).await;
        }
    }
    let table = table(session, args, &pane, (&heads, rows))?;
    let columns = columns(args, &heads)?;
    let printed = Printed { heads: &heads, columns, rows: table.order(), now: session.clock().now() };
    if !out::data(&printed.show(args.output)?)? || !args.watch {
        return Ok(ExitCode::SUCCESS);
    }
    let shown = shown(&printed, args.output);
    watch(session, args, (pane.id, reading), (table, shown)).await
}

/// What was last printed of each row: only what differs from it is news.
type Shown = HashMap<Key, Vec<Json>>;

fn shown(printed: &Printed<'_>, output: Output) -> Shown {
    printed.rows.iter().map(|row| (row.key.clone(), printed.values(row, output))).collect()
}

/// The rows that look different from what was printed last; `shown` becomes how they all look now.
fn news(printed: &Printed<'_>, output: Output, batch: &Batch, shown: &mut Shown) -> Vec<Arc<Row>> {
    let touched: HashSet<&Key> = batch.rows.iter().map(|row| &row.key).collect();
    let mut now = Shown::with_capacity(printed.rows.len());
    let mut news = Vec::new();
    for row in printed.rows {
        let values = match shown.remove(&row.key) {
            // a row that is not in the batch looks as it did, as long as the columns are the same
            Some(old) if batch.heads.is_none() && !touched.contains(&row.key) => old,
            old => {
                let values = printed.values(row, output);
                if old.as_ref() != Some(&values) {
                    news.push(Arc::clone(row));
                }
                values
            }
        };
        now.insert(row.key.clone(), values);
    }
    *shown = now;
    news
}

/// Goes on printing rows that change, one line or document each.
async fn watch(
    session: &Session,
    args: &GetArgs,
    (pane, mut reading): (PaneId, Reading),
    (mut table, mut shown): (TableModel, Shown),
) -> Result<ExitCode, Failure> {
    loop {
        let mut batch = reading.next(pane).await?;
        batch.rows.retain(|row| args.name.as_ref().is_none_or(|name| is_named(&row.key, name)));
        let now = session.clock().now();
        table.apply(&batch, now);
        let heads = Arc::clone(table.columns().heads());
        let mut printed = Printed { heads: &heads, columns: columns(args, &heads)?, rows: table.order(), now };
        let removed: Vec<&Key> = batch.removed.iter().filter(|key| shown.contains_key(*key)).collect();
        let news = news(&printed, args.output, &batch, &mut shown);
        printed.rows = &news;
        let mut text = match args.output {
            // no headings again
            Output::Table | Output::Wide | Output::Csv => {
                printed.show(args.output)?.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
            }
            _ if news.is_empty() => String::new(),
            other => printed.show(other)?,
        };
        if matches!(args.output, Output::Table | Output::Wide) {
            for key in removed {
                let _ = writeln!(text, "{key}  gone");
            }
        }
        if !text.is_empty() && !out::data(&text)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The rows filtered and sorted as asked for.
fn table(
    session: &Session,
    args: &GetArgs,
    pane: &Pane,
    (heads, rows): (&Arc<[Head]>, &Rows),
) -> Result<TableModel, Failure> {
    let sort = match &args.sort {
        None => pane.sort.map(|(column, descending)| Sort::by(column, descending)),
        Some(column) => {
            let (column, descending) =
                column.strip_prefix('-').map_or((column.as_str(), false), |column| (column, true));
            known(heads, column)?;
            Some(Sort::by(column, descending))
        }
    };
    let mut table = TableModel::new(Arc::clone(heads), sort);
    let now = session.clock().now();
    let named = |row: &&Arc<Row>| args.name.as_ref().is_none_or(|name| is_named(&row.key, name));
    let batch = Batch { rows: rows.iter().filter(named).cloned().collect(), complete: true, ..Batch::default() };
    table.apply(&batch, now);
    if let Some(filter) = &args.filter {
        table.set_filter(filter, now);
        if let Some(error) = table.filter().error() {
            return Err(Failure::usage(format!("--filter: {error}"), "the language is that of the console's `/`"));
        }
    }
    Ok(table)
}

/// The index of a column, or which there are.
fn known(heads: &[Head], id: &str) -> Result<usize, Failure> {
    heads.iter().position(|head| head.id == id).ok_or_else(|| {
        let all: Vec<&str> = heads.iter().map(|head| &*head.id).collect();
        Failure::usage(format!("no column `{id}`"), format!("there are: {}", all.join(", ")))
    })
}

fn columns(args: &GetArgs, heads: &Arc<[Head]>) -> Result<Option<Vec<usize>>, Failure> {
    let Some(wanted) = &args.columns else { return Ok(None) };
    let ids: Vec<&str> = wanted.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    // the same check as in the console
    if let Err(unknown) = Columns::new(Arc::clone(heads)).choose(&ids) {
        known(heads, unknown)?;
    }
    ids.iter().map(|id| known(heads, id)).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Whether a key is that name: the whole key, or the name without its namespace.
pub(super) fn is_named(key: &Key, name: &str) -> bool {
    key.as_str() == name || key.split_namespace().is_some_and(|(_, short)| short == name)
}

/// As many names are offered for one that does not exist.
const NEAREST: usize = 8;

/// The names that may be meant by one that does not exist, the nearest first.
fn nearest<'a>(keys: impl Iterator<Item = &'a Key>, name: &str) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = keys
        .filter_map(|key| {
            let whole = key.as_str().to_lowercase();
            let short = whole.split_once('/').map_or(whole.as_str(), |(_, short)| short);
            // a part of the name is as good as one slip
            let steps =
                if whole.contains(&wanted) { 1 } else { distance(&wanted, short).min(distance(&wanted, &whole)) };
            (steps <= ((wanted.chars().count() + 1) / 3).max(1)).then_some((steps, key.as_str()))
        })
        .collect();
    near.sort_by(|(a, one), (b, other)| {
        a.cmp(b).then_with(|| one.len().cmp(&other.len())).then_with(|| one.cmp(other))
    });
    near.into_iter().map(|(_, key)| key).take(NEAREST).collect()
}

/// How many characters have to be put in, taken out or replaced to make one text the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut costs: Vec<usize> = (0..=other.len()).collect();
    for (row, char) in one.chars().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        for (cost, known) in costs.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(char != *known);
            diagonal = *cost;
            left = replaced.min(*cost + 1).min(left + 1);
            *cost = left;
        }
        if let Some(first) = costs.first_mut() {
            *first = row + 1;
        }
    }
    costs.last().copied().unwrap_or_default()
}

/// The one row with that name. Of several that in the namespace of the kubeconfig's context, as kubectl would have it.
pub(super) fn find<'a>(
    rows: &'a Rows,
    name: &str,
    (pane, home): (&Pane, Option<&str>),
) -> Result<&'a Arc<Row>, Failure> {
    let mut found: Vec<&Arc<Row>> = rows.iter().filter(|row| is_named(&row.key, name)).collect();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let near = nearest(rows.iter().map(|row| &row.key), name);
            let advice = if near.is_empty() {
                format!("`quarterdeck get {}` lists them", pane.id)
            } else {
                format!("did you mean: {}", near.join(", "))
            };
            Err(Failure::usage(format!("no {} `{name}`", pane.noun), advice))
        }
        several => {
            let at_home =
                |row: &&&Arc<Row>| home.is_some() && row.key.split_namespace().map(|(namespace, _)| namespace) == home;
            if let Some(row) = several.iter().find(at_home) {
                return Ok(row);
            }
            let keys: Vec<&str> = several.iter().map(|row| row.key.as_str()).collect();
            Err(Failure::usage(format!("several are called `{name}`"), format!("say which: {}", keys.join(", "))))
        }
    }
}

async fn object(session: &Session, args: &GetArgs, what: &Ref, limit: Duration) -> Result<ExitCode, Failure> {
    let system = pane(session, what.pane.0)?.system;
    let link = link(session, system, limit).await?;
    let json = link.object(what).await?;
    let text = if args.output == Output::Yaml { yaml(&json)? } else { pretty(&json)? };
    out::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The audit comes from the journal, not from a system.
fn audit(session: &Session, args: &GetArgs, pane: &Pane) -> Result<ExitCode, Failure> {
    let told = session.journal().told()?;
    let mut rows = Rows::default();
    rows.apply(&Batch { rows: own::audit_rows(&told), complete: true, ..Batch::default() });
    let heads = (pane.heads)();
    let table = table(session, args, pane, (&heads, &rows))?;
    let columns = columns(args, &heads)?;
    let printed = Printed { heads: &heads, columns, rows: table.order(), now: session.clock().now() };
    out::data(&printed.show(args.output)?)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_finds_the_nearest_names_first() {
        let keys: Vec<Key> =
            ["ml-prod/churn", "ml-staging/fraud-detection", "ml-prod/fraud-detection-v2", "ml-prod/fraud-detection"]
                .map(Key::from)
                .into();
        let near = |name: &str| nearest(keys.iter(), name);
        let (prod, second, staging) =
            ("ml-prod/fraud-detection", "ml-prod/fraud-detection-v2", "ml-staging/fraud-detection");
        assert_eq!(near("fraud-detction"), [prod, staging, second]);
        assert_eq!(near("Fraud"), [prod, second, staging]);
        assert_eq!(near("chrun"), ["ml-prod/churn"]);
        assert_eq!(near("chrn"), ["ml-prod/churn"]);
        assert_eq!(near("payments"), Vec::<&str>::new());
    }
}
