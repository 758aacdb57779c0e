//! A view that is open: its sections, which has the focus, and what was opened for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::lines::LinesModel;
use super::pane::PaneData;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref, Ticket, ViewId};
use crate::model::join::Panes;
use crate::model::record::{Head, Row};
use crate::model::table::{Sort, TableModel};
use crate::model::transition::Source;
use crate::model::verb::{Kind, Pane, Section};
use crate::systems::Parameters;

/// A view that is open.
#[derive(Debug)]
pub struct Place {
    /// The view.
    pub view: ViewId,
    /// The object that it was opened for; `None` for a view of the tabs.
    pub object: Option<Ref>,
    /// What the breadcrumb says.
    pub title: String,
    /// Its sections.
    pub sections: Vec<SectionState>,
    /// The section that has the focus.
    pub focus: usize,
}

/// A section of an open view.
#[derive(Debug)]
pub struct SectionState {
    /// The section.
    pub section: Section,
    /// Its pane's title.
    pub title: &'static str,
    /// Where its rows or lines come from.
    pub source: Source,
    /// What it shows.
    pub body: Body,
    /// The rows of a pane that was opened for this place.
    pub data: Option<PaneData>,
    /// What it takes to show cells of standing panes in an opened one.
    pub joined: Option<Panes>,
    /// How it was opened.
    pub how: Parameters,
    /// Why lines could not be had.
    pub error: Option<Error>,
    /// For charts: the cursor, which lines are off.
    pub chart: Chart,
}

/// What a section shows.
#[derive(Debug)]
pub enum Body {
    /// Rows: a table, facts, or the lines of charts.
    Rows(Box<TableModel>),
    /// Lines of a log or a text.
    Lines(LinesModel),
}

/// How a chart is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chart {
    /// The cursor's column from the right, if there is a cursor.
    pub cursor: Option<u16>,
    /// Names of the lines that are off.
    pub off: BTreeSet<String>,
}

impl SectionState {
    /// A section over a standing pane, or over one that is opened with `ticket`.
    #[must_use]
    pub fn new(section: Section, pane: &Pane, ticket: Option<Ticket>, heads: Arc<[Head]>) -> Self {
        let data = ticket.map(|_| PaneData::new(*pane));
        let body = match section.kind {
            Kind::Log => Body::Lines(LinesModel::new(true)),
            Kind::Text => Body::Lines(LinesModel::new(false)),
            Kind::Table | Kind::Facts | Kind::Series => {
                let sort = pane.sort.map(|(column, descending)| Sort::by(column, descending));
                Body::Rows(Box::new(TableModel::new(heads, sort)))
            }
        };
        let source = ticket.map_or(Source::Pane(section.pane), |ticket| Source::Detail(ticket, section.pane));
        Self {
            section,
            title: pane.title,
            source,
            body,
            data,
            joined: None,
            how: Parameters::default(),
            error: None,
            chart: Chart::default(),
        }
    }

    /// Its ticket, if it was opened for this place.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        match self.source {
            Source::Detail(ticket, _) => Some(ticket),
            Source::Pane(_) => None,
        }
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> Option<&TableModel> {
        match &self.body {
            Body::Rows(table) => Some(table),
            Body::Lines(_) => None,
        }
    }

    /// Its table.
    pub fn table_mut(&mut self) -> Option<&mut TableModel> {
        match &mut self.body {
            Body::Rows(table) => Some(table),
            Body::Lines(_) => None,
        }
    }

    /// Its lines.
    pub fn lines_mut(&mut self) -> Option<&mut LinesModel> {
        match &mut self.body {
            Body::Lines(lines) => Some(lines),
            Body::Rows(_) => None,
        }
    }

    /// Whether it has a cursor, so that the focus can rest on it.
    #[must_use]
    pub fn takes_focus(&self) -> bool {
        self.section.kind != Kind::Facts
    }
}

impl Place {
    /// The section that has the focus.
    #[must_use]
    pub fn focused(&self) -> Option<&SectionState> {
        self.sections.get(self.focus)
    }

    /// The section that has the focus.
    pub fn focused_mut(&mut self) -> Option<&mut SectionState> {
        self.sections.get_mut(self.focus)
    }

    /// The pane that has the focus.
    #[must_use]
    pub fn focused_pane(&self) -> Option<PaneId> {
        self.focused().map(|section| section.section.pane)
    }

    /// The row under the cursor, if it is there and shown.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Row>> {
        self.focused().and_then(SectionState::table).and_then(TableModel::current)
    }

    /// What the keys that look at an object act on. In a view of a tab that is the row under the cursor; in an opened
    /// place the row's own object where it is one (a pod among an endpoint's pods), else what the place was opened for.
    #[must_use]
    pub fn target(&self, catalogue: &Catalogue) -> Option<Ref> {
        let (Some(row), Some(pane)) = (self.current(), self.focused_pane().and_then(|id| catalogue.pane(id))) else {
            return self.object.clone();
        };
        if pane.standing {
            return Some(Ref { pane: pane.id, key: row.key.clone() });
        }
        let same = |to: &&Ref| catalogue.pane(to.pane).is_some_and(|other| other.standing && other.noun == pane.noun);
        row.refs.iter().find(same).cloned().or_else(|| self.object.clone())
    }

    /// Moves the focus to the next section that takes it.
    pub fn move_focus(&mut self, forward: bool) {
        let count = self.sections.len();
        for step in 1..=count {
            let at = if forward { self.focus + step } else { self.focus + count - step % count.max(1) } % count.max(1);
            if self.sections.get(at).is_some_and(SectionState::takes_focus) {
                self.focus = at;
                return;
            }
        }
    }

    /// Puts the focus on the first section that takes it.
    pub fn first_focus(&mut self) {
        self.focus = self.sections.iter().position(SectionState::takes_focus).unwrap_or(0);
    }
}
