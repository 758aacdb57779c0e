//! `quarterdeck audit`: every action, and whether the journal is whole.

use std::process::ExitCode;

use serde_json::json;

use super::args::{AuditArgs, AuditCommand, Output};
use super::print::{Printed, pretty};
use super::session::Session;
use super::{Failure, out};
use crate::app::own;
use crate::model::record::Record;

/// Lists the actions, shows one, or verifies the journal.
pub(super) fn run(session: &Session, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let journal = session.journal();
    match &args.command {
        Some(AuditCommand::Verify) => {
            let (records, faults) = journal.read()?;
            if args.json {
                out::data(&pretty(&json!({"lines": records.len(), "faults": faults}))?)?;
            }
            for fault in &faults {
                out::words(&format!("{}: {fault}", journal.path().display()));
            }
            if faults.is_empty() {
                out::words(&format!("{}: {} lines, whole and unchanged", journal.path().display(), records.len()));
            }
            Ok(ExitCode::from(u8::from(!faults.is_empty())))
        }
        Some(AuditCommand::Show { id }) => {
            let told = journal.told()?.into_iter().find(|told| told.plan.id == *id);
            let told =
                told.ok_or_else(|| Failure::usage(format!("no action `{id}`"), "`quarterdeck audit` lists them"))?;
            if args.json {
                out::data(&pretty(
                    &json!({"at": told.at, "who": told.who, "plan": told.plan, "consent": told.consent, "profile": told.profile, "result": told.result}),
                )?)?;
            } else {
                out::data(&(own::audit_text(&told).join("\n") + "\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let mut told = journal.told()?;
            told.reverse();
            let rows = own::audit_rows(&told);
            let heads = crate::actions::journal::Told::heads();
            let printed = Printed { heads: &heads, columns: None, rows: &rows, now: session.clock().now() };
            out::data(&printed.show(if args.json { Output::Json } else { Output::Table })?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
