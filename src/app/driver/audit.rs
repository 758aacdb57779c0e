//! The audit's rows and texts, from the journal.

use chrono::{DateTime, Utc};

use super::outside::Outside;
use crate::actions::journal::{Journal, Told};
use crate::app::event::Event;
use crate::app::own;
use crate::model::health::{Error, Freshness};
use crate::model::id::{SystemId, Ticket};
use crate::model::record::Batch;
use crate::model::transition::Source;
use crate::systems::Line;

impl Outside {
    /// Brings the audit up to date.
    pub(super) fn publish_audit(&self) {
        let (journal, events, now) = (self.setup.journal.clone(), self.events.clone(), self.now());
        let _ = self.spawn(async move {
            for event in rows(&journal, now).await {
                let _ = events.send(event).await;
            }
        });
    }

    /// The text of one action.
    pub(super) fn open_audit(&self, plan: String, ticket: Ticket) {
        let (journal, events) = (self.setup.journal.clone(), self.events.clone());
        let _ = self.spawn(async move {
            let event = match find(&journal, &plan).await {
                Ok(told) => {
                    let lines = own::audit_text(&told).into_iter().map(|text| Line {
                        at: None,
                        text: text.into(),
                        notice: false,
                    });
                    Event::Lines(ticket, lines.collect())
                }
                Err(error) => Event::LinesFailed(ticket, error),
            };
            let _ = events.send(event).await;
            let _ = events.send(Event::LinesEnded(ticket)).await;
        });
    }
}

/// One action of the journal.
pub(super) async fn find(journal: &Journal, plan: &str) -> Result<Told, Error> {
    let told = journal.beside(Journal::told).await?;
    told.into_iter().find(|told| told.plan.id == plan).ok_or_else(|| Error::Gone { what: format!("action {plan}") })
}

pub(super) async fn rows(journal: &Journal, now: DateTime<Utc>) -> Vec<Event> {
    let source = Source::Pane(own::AUDIT);
    let fresh = Freshness { seen: Some(now), patience: u32::MAX, ..Freshness::default() };
    let linked = Event::Linked(SystemId(own::OWN.0), Ok(()));
    match journal.beside(Journal::told).await {
        Ok(told) => {
            let batch = Batch { rows: own::audit_rows(&told), complete: true, ..Batch::default() };
            vec![linked, Event::Fed(source, batch), Event::Fresh(source, fresh)]
        }
        Err(error) => vec![Event::Fresh(source, Freshness { error: Some(error), ..fresh })],
    }
}
