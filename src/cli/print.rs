//! Rows as text: aligned columns, JSON, YAML, CSV, names.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr;

use super::Failure;
use super::args::Output;
use crate::model::export;
use crate::model::record::{Align, Head, Row};
use crate::model::text::clean;

/// Rows with the columns that are wanted.
pub(super) struct Printed<'a> {
    /// The headings of all cells.
    pub(super) heads: &'a [Head],
    /// The columns that are wanted, in order; all that matter if none is named.
    pub(super) columns: Option<Vec<usize>>,
    /// The rows, in order.
    pub(super) rows: &'a [Arc<Row>],
    /// The time, for ages.
    pub(super) now: DateTime<Utc>,
}

/// From this tier on a column is only in the wide form.
const WIDE: u8 = 5;

impl Printed<'_> {
    /// The text in this form.
    pub(super) fn show(&self, output: Output) -> Result<String, Failure> {
        match output {
            Output::Table | Output::Wide => Ok(self.table(output == Output::Wide)),
            Output::Json => pretty(&self.json()),
            Output::Yaml => yaml(&self.json()),
            Output::Csv => Ok(self.csv()),
            Output::Name => Ok(self.rows.iter().map(|row| clean(row.key.as_str()) + "\n").collect::<Vec<_>>().concat()),
        }
    }

    fn chosen(&self, wide: bool) -> Vec<usize> {
        self.columns.clone().unwrap_or_else(|| {
            (0..self.heads.len())
                .filter(|at| wide || self.heads.get(*at).is_some_and(|head| head.tier < WIDE))
                .collect()
        })
    }

    /// What this form shows of a row, ages as moments: what is equal need not be printed again.
    pub(super) fn values(&self, row: &Row, output: Output) -> Vec<Json> {
        let columns = match output {
            Output::Name => Vec::new(),
            Output::Table => self.chosen(false),
            _ => self.chosen(true),
        };
        columns.into_iter().map(|at| export::json_cell(row.cell(at))).collect()
    }

    fn narrowed(&self, row: &Row, columns: &[usize]) -> (Vec<Head>, Row) {
        let heads = columns.iter().filter_map(|at| self.heads.get(*at).cloned()).collect();
        let cells = columns.iter().map(|at| row.cell(*at).clone()).collect();
        (heads, Row { key: row.key.clone(), cells, refs: row.refs.clone() })
    }

    fn json(&self) -> Json {
        match &self.columns {
            None => json!(self.rows.iter().map(|row| export::json_row(self.heads, row)).collect::<Vec<_>>()),
            Some(columns) => {
                let rows = self.rows.iter().map(|row| {
                    let (heads, row) = self.narrowed(row, columns);
                    export::json_row(&heads, &row)
                });
                json!(rows.collect::<Vec<_>>())
            }
        }
    }

    fn csv(&self) -> String {
        match &self.columns {
            None => export::csv(self.heads, self.rows),
            Some(columns) => {
                let heads: Vec<Head> = columns.iter().filter_map(|at| self.heads.get(*at).cloned()).collect();
                let rows: Vec<Arc<Row>> = self.rows.iter().map(|row| Arc::new(self.narrowed(row, columns).1)).collect();
                export::csv(&heads, &rows)
            }
        }
    }

    fn table(&self, wide: bool) -> String {
        let columns = self.chosen(wide);
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(self.rows.len() + 1);
        lines.push(columns.iter().filter_map(|at| self.heads.get(*at)).map(|head| head.title.to_uppercase()).collect());
        for row in self.rows {
            lines.push(columns.iter().map(|at| row.cell(*at).show(self.now)).collect());
        }
        let widths: Vec<usize> = (0..columns.len())
            .map(|at| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.width()).max().unwrap_or(0))
            .collect();
        let rights: Vec<bool> =
            columns.iter().map(|at| self.heads.get(*at).is_some_and(|head| head.align == Align::Right)).collect();
        let mut out = String::new();
        for line in lines {
            let mut text = String::new();
            for ((cell, width), right) in line.iter().zip(&widths).zip(&rights) {
                let pad = " ".repeat(width.saturating_sub(cell.width()));
                if !text.is_empty() {
                    text.push_str("  ");
                }
                if *right {
                    text.push_str(&pad);
                    text.push_str(cell);
                } else {
                    text.push_str(cell);
                    text.push_str(&pad);
                }
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }
}

/// JSON over several lines.
pub(super) fn pretty(json: &Json) -> Result<String, Failure> {
    serde_json::to_string_pretty(json).map(|text| text + "\n").map_err(|error| Failure::usage(error.to_string(), ""))
}

/// The same as YAML.
pub(super) fn yaml(json: &Json) -> Result<String, Failure> {
    serde_saphyr::to_string(json).map_err(|error| Failure::usage(error.to_string(), ""))
}
