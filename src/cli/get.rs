//! `quarterdeck get`: rows of a pane, or one object.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::args::{GetArgs, Output};
use super::connect::{Reading, link, pane};
use super::print::{Printed, pretty, yaml};
use super::session::Session;
use super::{Failure, out};
use crate::app::own;
use crate::model::columns::Columns;
use crate::model::id::{Key, Ref};
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
    let mut reading = Reading::begin(session, pane, limit).await?;
    reading.first().await?;
    let heads = reading.panes.heads(pane.id);
    let empty = Rows::default();
    let rows = reading.panes.rows(pane.id).unwrap_or(&empty);
    if let Some(name) = &args.name {
        let row = find(rows, name, (&pane, session.namespace().as_deref()))?;
        if matches!(args.output, Output::Json | Output::Yaml) {
            return object(session, args, &Ref { pane: pane.id, key: row.key.clone() }, limit).await;
        }
    }
    let table = table(session, args, &pane, (&heads, rows))?;
    let columns = columns(args, &heads)?;
    let printed = Printed { heads: &heads, columns: columns.clone(), rows: table.order(), now: session.clock().now() };
    if !out::data(&printed.show(args.output)?)? || !args.watch {
        return Ok(ExitCode::SUCCESS);
    }
    watch(session, args, reading, (table, columns)).await
}

/// Goes on printing rows that change, one line or document each.
async fn watch(
    session: &Session,
    args: &GetArgs,
    mut reading: Reading,
    (mut table, columns): (TableModel, Option<Vec<usize>>),
) -> Result<ExitCode, Failure> {
    loop {
        let batch = reading.next().await?;
        let now = session.clock().now();
        table.apply(&batch, now);
        let shown: Vec<Arc<Row>> =
            batch.rows.iter().filter(|row| table.order().iter().any(|it| it.key == row.key)).cloned().collect();
        let heads = Arc::clone(table.columns().heads());
        let printed = Printed { heads: &heads, columns: columns.clone(), rows: &shown, now };
        let mut text = match args.output {
            // no headings again
            Output::Table | Output::Wide | Output::Csv => {
                printed.show(args.output)?.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
            }
            other if shown.is_empty() => {
                let _ = other;
                String::new()
            }
            other => printed.show(other)?,
        };
        for key in &batch.removed {
            if matches!(args.output, Output::Table | Output::Wide) {
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
            let near: Vec<&str> =
                rows.iter().map(|row| row.key.as_str()).filter(|key| key.contains(name)).take(8).collect();
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
