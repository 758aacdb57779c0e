use super::*;
use crate::actions::guard::tests::plan;

fn journal(folder: &Path) -> Journal {
    Journal::open(folder, Who { user: "dana".into(), ..Who::default() }, Clock::System).unwrap()
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

#[test]
fn a_line_that_is_changed_or_taken_out_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    for step in 0..3 {
        journal.append(Entry::Intent { plan: "p1".into(), step }).unwrap();
    }
    assert_eq!(journal.read().unwrap().1, Vec::<String>::new());
    let text = std::fs::read_to_string(journal.path()).unwrap();
    std::fs::write(journal.path(), text.replace("\"step\":1", "\"step\":7")).unwrap();
    assert!(journal.read().unwrap().1[0].contains("line 2: was changed"));
    let without: String =
        text.split_inclusive('\n').enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line).collect();
    std::fs::write(journal.path(), without).unwrap();
    assert!(journal.read().unwrap().1[0].contains("line 2: does not follow"));
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
