use serde_json::Value as Json;

use super::*;
use crate::actions::guard::tests::plan;
use crate::model::id::{PaneId, SystemId};
use crate::model::plan::{Difference, Op, Step};

fn journal(folder: &Path) -> Journal {
    Journal::open(folder, Who { user: "dana".into(), ..Who::default() }, Clock::System).unwrap()
}

/// A step that sets a value.
fn step(after: Json) -> Step {
    let object = Ref::new(PaneId("things"), "a");
    Step {
        system: SystemId("fake"),
        op: Op { name: "set".into(), arguments: after.clone() },
        shows: vec![Difference { object, what: "value".into(), before: Json::Null, after }],
        command: "fake set".into(),
        require: vec![],
        verify: vec![],
        hold_seconds: 0,
        within_seconds: 0,
        undo: None,
    }
}

fn begun() -> Entry {
    Entry::Begun { plan: Box::new(plan()), consent: Consent::default(), profile: "demo".into() }
}

#[test]
fn a_plan_that_was_begun_and_not_ended_is_told_as_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    journal.append(begun()).unwrap();
    journal.append(Entry::Intent { plan: "p1".into(), step: 0 }).unwrap();
    let told = journal.told().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].result, None);
    assert_eq!(told[0].steps, vec![(0, None)]);
    assert_eq!(told[0].who.user, "dana");
}

/// Three lines, and the text of the file.
fn three_lines(journal: &Journal) -> String {
    for step in 0..3 {
        journal.append(Entry::Intent { plan: "p1".into(), step }).unwrap();
    }
    std::fs::read_to_string(journal.path()).unwrap()
}

fn faults(journal: &Journal, text: &str) -> Vec<String> {
    std::fs::write(journal.path(), text).unwrap();
    journal.read().unwrap().1
}

#[test]
fn a_journal_that_nobody_touched_has_no_faults_and_counts_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    three_lines(&journal);
    let (records, faults) = journal.read().unwrap();
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), vec![1, 2, 3]);
}

#[test]
fn a_line_that_was_changed_is_found_by_any_of_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let text = three_lines(&journal);
    for (was, is) in [
        ("\"step\":1", "\"step\":7"),
        ("\"user\":\"dana\"", "\"user\":\"dana\",\"admin\":true"),
        ("\"step\":1", "\"step\": 1"),
        ("\"step\":1", "\"step\":1,\"step\":1"),
    ] {
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        lines[1] = lines[1].replace(was, is);
        let found = faults(&journal, &lines.concat());
        assert!(matches!(found.as_slice(), [one] if one.starts_with("line 2: ")), "{was} → {is}: {found:?}");
    }
    let padded = text.replacen("\"}\n", "\"} \n", 1);
    assert_eq!(faults(&journal, &padded), vec!["line 1: was changed after it was written"]);
}

#[test]
fn a_line_that_was_given_a_new_hash_no_longer_carries_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let text = three_lines(&journal);
    let forged = text.lines().nth(1).unwrap().replace("\"step\":1", "\"step\":7");
    let (before, _) = forged.rsplit_once(SEAL).unwrap();
    let forged = format!("{before}{SEAL}{}\"}}", digest(before.as_bytes()));
    let lines: Vec<&str> = text.lines().collect();
    let found = faults(&journal, &format!("{}\n{forged}\n{}\n", lines[0], lines[2]));
    assert!(matches!(found.as_slice(), [one] if one.starts_with("line 3: does not follow")), "{found:?}");
}

#[test]
fn a_line_that_was_taken_out_is_found_the_first_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let text = three_lines(&journal);
    let without = |gone: usize| -> String {
        text.split_inclusive('\n').enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| line).collect()
    };
    assert!(faults(&journal, &without(0))[0].starts_with("line 1: does not follow"));
    assert!(faults(&journal, &without(1))[0].starts_with("line 2: does not follow"));
}

#[test]
fn numbers_with_many_digits_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let numbers = Json::from((1..500).map(|n| f64::from(n).sqrt() * 1e17).collect::<Vec<_>>());
    let mut awkward = plan();
    awkward.steps.push(step(numbers.clone()));
    journal
        .append(Entry::Begun { plan: Box::new(awkward), consent: Consent::default(), profile: "demo".into() })
        .unwrap();
    assert_eq!(journal.read().unwrap().1, Vec::<String>::new());
    let told = journal.told().unwrap();
    assert_eq!(told[0].plan.steps.last().unwrap().op.arguments, numbers, "an undo compares them with what is there");
}

#[test]
fn a_line_with_a_field_of_another_version_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let before = "{\"seq\":1,\"at\":\"2026-11-25T09:00:00Z\",\"who\":{\"user\":\"dana\",\"host\":\"h\",\"desk\":4},\
                  \"event\":\"intent\",\"plan\":\"p1\",\"step\":0,\"mood\":\"good\",\"previous\":\"\"";
    let line = format!("{before}{SEAL}{}\"}}\n", digest(before.as_bytes()));
    assert_eq!(faults(&journal, &line), Vec::<String>::new());
}

#[test]
fn an_event_of_another_version_is_named_and_the_chain_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let before = "{\"seq\":1,\"event\":\"paused\",\"previous\":\"\"";
    std::fs::write(journal.path(), format!("{before}{SEAL}{}\"}}\n", digest(before.as_bytes()))).unwrap();
    journal.append(begun()).unwrap();
    let (records, faults) = journal.read().unwrap();
    assert!(matches!(faults.as_slice(), [one] if one.starts_with("line 1: whole, but not understood")), "{faults:?}");
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), vec![2]);
}

#[test]
fn a_torn_last_line_does_not_swallow_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    journal.append(begun()).unwrap();
    let mut file = OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all(b"{\"seq\":2,\"at\":\"20").unwrap();
    journal.append(Entry::Ended { plan: "p1".into(), result: Outcome::Done }).unwrap();
    let (records, faults) = journal.read().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(faults.len(), 1, "the torn line is named: {faults:?}");
    assert_eq!(journal.told().unwrap()[0].result, Some(Outcome::Done));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file.join("state"), Who::default(), Clock::System).unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error}");
}

#[test]
fn bytes_that_are_no_text_spoil_only_their_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    journal.append(begun()).unwrap();
    let mut file = OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all(b"\xff\xfe\0garbage\n").unwrap();
    journal.append(Entry::Ended { plan: "p1".into(), result: Outcome::Done }).unwrap();
    let (records, faults) = journal.read().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("line 2: not whole"), "{faults:?}");
    assert_eq!(journal.told().unwrap()[0].result, Some(Outcome::Done));
}

#[test]
fn a_journal_that_cannot_be_read_is_not_said_to_be_one_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    std::fs::create_dir(journal.path()).unwrap();
    let error = journal.told().unwrap_err();
    assert!(error.to_string().starts_with("can't read "), "{error}");
    assert!(!error.advice().contains("room"), "{}", error.advice());
}

#[test]
fn only_its_owner_can_read_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state/prod");
    let journal = journal(&state);
    journal.append(begun()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(journal.path()), 0o600);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&folder.path().join("state")), 0o700);
}

#[test]
fn the_past_holds_what_was_done_and_not_what_was_refused_failed_or_lost() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let why = || "why".to_owned();
    let outcomes = [
        Some(Outcome::Done),
        Some(Outcome::Refused { why: why() }),
        Some(Outcome::Failed { why: why() }),
        Some(Outcome::Pending { why: why() }),
        Some(Outcome::Unknown { why: why() }),
        None,
    ];
    let steps = (0..outcomes.len()).map(|at| step(Json::from(at))).collect();
    let plan = Box::new(Plan { steps, ..plan() });
    journal.append(Entry::Begun { plan, consent: Consent::default(), profile: "demo".into() }).unwrap();
    for (step, outcome) in outcomes.into_iter().enumerate() {
        journal.append(Entry::Intent { plan: "p1".into(), step }).unwrap();
        if let Some(result) = outcome {
            journal.append(Entry::Step { plan: "p1".into(), step, result }).unwrap();
        }
    }
    let values = |object: &str| -> Vec<Json> {
        let past = journal.past(&[Ref::new(PaneId("things"), object)]).unwrap();
        past.into_iter().map(|past| past.difference.after).collect()
    };
    assert_eq!(values("a"), vec![Json::from(0), Json::from(3)]);
    assert_eq!(values("b"), Vec::<Json>::new());
}
