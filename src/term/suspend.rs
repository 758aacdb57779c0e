//! Stopping the process until the shell continues it, where there is a shell that can.

use std::time::Duration;

use rustix::io;
use rustix::process::{Signal, kill_current_process_group};

/// How a wish to stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// Stopped, and continued since.
    Continued,
    /// Nobody could continue it: the process group is an orphan (started by no shell with jobs).
    Orphaned,
}

impl Suspension {
    /// A sentence for the screen, where there is something to say.
    #[must_use]
    pub fn notice(self) -> Option<&'static str> {
        match self {
            Self::Continued => None,
            Self::Orphaned => {
                Some("can't suspend: no shell with job control started this program, none could continue it")
            }
        }
    }
}

/// Whether a stopped process of this group would have nobody to continue it.
#[must_use]
pub fn is_orphaned() -> bool {
    relations(None).is_none_or(|own| orphaned(own, &|process| relations(Some(process))))
}

/// Whose child a process is, and in which group and session: ids as the system tells them.
///
/// 0 is somebody outside of the process's own world (a container shows its processes no others).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Relations {
    parent: i32,
    group: i32,
    session: i32,
}

/// A group is no orphan as long as the parent of one of its members is in the same session and another group.
///
/// The members that matter are this process and those of its ancestors that are in the group (a script's shell).
fn orphaned(own: Relations, relations_of: &dyn Fn(i32) -> Option<Relations>) -> bool {
    let mut ancestor = own.parent;
    // A chain so long is a loop of processes that end and are reused while they are looked at.
    for _ in 0..64 {
        match relations_of(ancestor) {
            Some(process) if process.group == own.group => ancestor = process.parent,
            Some(process) => return process.session != own.session,
            None => return true,
        }
    }
    true
}

/// What the system tells of a process, or of this one.
///
/// Not by the system calls: their wrappers hold an id of 0 for impossible, and in a container it is not.
#[cfg(target_os = "linux")]
fn relations(process: Option<i32>) -> Option<Relations> {
    let name = process.map_or_else(|| "self".to_owned(), |process| process.to_string());
    let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too; a state of one letter follows it.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut ids = after_name.split_whitespace().skip(1).map_while(|id| id.parse().ok());
    Some(Relations { parent: ids.next()?, group: ids.next()?, session: ids.next()? })
}

/// What the system tells of a process, or of this one: the parent of another is not among it.
#[cfg(not(target_os = "linux"))]
fn relations(process: Option<i32>) -> Option<Relations> {
    use rustix::process::{Pid, getpgid, getppid, getsid};
    let id = match process {
        Some(process) => Some(Pid::from_raw(process)?),
        None => None,
    };
    let parent = if process.is_none() { getppid() } else { None };
    Some(Relations {
        parent: Pid::as_raw(parent),
        group: Pid::as_raw(getpgid(id).ok()),
        session: Pid::as_raw(getsid(id).ok()),
    })
}

/// Stops the whole process group (with the script that may have started this) until it is continued.
///
/// The screen must have been left. SIGTSTP is listened to ([`super::signals`]) and would stop nothing; SIGSTOP can't
/// be refused.
pub(super) fn stop() -> io::Result<()> {
    kill_current_process_group(Signal::STOP)?;
    // The stop may take effect a moment after the call: nothing must be written to the shell's screen before.
    std::thread::sleep(Duration::from_millis(30));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes as (id, parent, group, session); the program itself is in group 50 of session 1.
    fn check(parent: i32, processes: &[(i32, i32, i32, i32)]) -> bool {
        orphaned(Relations { parent, group: 50, session: 1 }, &|process| {
            let &(_, parent, group, session) = processes.iter().find(|one| one.0 == process)?;
            Some(Relations { parent, group, session })
        })
    }

    #[test]
    fn a_shell_s_job_can_be_stopped_also_from_within_a_script() {
        assert!(!check(10, &[(10, 9, 10, 1)]));
        assert!(!check(50, &[(50, 10, 50, 1), (10, 9, 10, 1)]));
    }

    #[test]
    fn a_session_leader_s_own_program_and_one_whose_parent_is_gone_are_orphans() {
        assert!(check(9, &[(9, 1, 9, 7)]), "the parent is in another session");
        assert!(check(1, &[(1, 1, 1, 2)]), "adopted by init");
        assert!(check(77, &[]), "nothing can be learnt of the parent");
    }

    #[test]
    fn in_a_container_parents_groups_and_sessions_from_outside_are_nobody() {
        assert!(check(9, &[(9, 0, 0, 0)]), "the parent's group and session are outside");
        assert!(check(0, &[]), "the parent itself is outside");
        assert!(!check(9, &[(9, 0, 9, 1)]), "a shell that was started from outside can continue its jobs");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_relations_of_a_process() {
        use rustix::process::{Pid, getpid, getppid};
        let own = relations(None).unwrap();
        assert_eq!(own.parent, Pid::as_raw(getppid()));
        assert_eq!(relations(Some(Pid::as_raw(Some(getpid())))), Some(own));
        assert_eq!(relations(Some(i32::MAX)), None);
    }
}
