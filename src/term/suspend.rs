//! Stopping the process until the shell continues it, where there is a shell that can.

use std::time::Duration;

use rustix::io;
use rustix::process::{Pid, Signal, getpgid, getpgrp, getppid, getsid, kill_current_process_group};

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
    let session = getsid(None).ok();
    orphaned(
        getppid(),
        &Relations {
            group: getpgrp(),
            group_of: &|process| getpgid(Some(process)).ok(),
            in_session: &|process| getsid(Some(process)).ok() == session,
            parent_of: &parent_of,
        },
    )
}

/// Who belongs to whom, as the system tells it.
struct Relations<'a> {
    group: Pid,
    group_of: &'a dyn Fn(Pid) -> Option<Pid>,
    in_session: &'a dyn Fn(Pid) -> bool,
    parent_of: &'a dyn Fn(Pid) -> Option<Pid>,
}

/// A group is no orphan as long as the parent of one of its members is in the same session and another group.
///
/// The members that matter are this process and those of its ancestors that are in the group (a script's shell).
fn orphaned(parent: Option<Pid>, relations: &Relations<'_>) -> bool {
    let mut ancestor = parent;
    // A chain so long is a loop of processes that end and are reused while they are looked at.
    for _ in 0..64 {
        let Some(process) = ancestor else { return true };
        match (relations.group_of)(process) {
            Some(group) if group == relations.group => ancestor = (relations.parent_of)(process),
            Some(_) => return !(relations.in_session)(process),
            None => return true,
        }
    }
    true
}

/// The parent of another process: only Linux tells it in a file.
fn parent_of(process: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let (_, after_name) = stat.rsplit_once(')')?;
    Pid::from_raw(after_name.split_whitespace().nth(1)?.parse().ok()?)
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

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).unwrap()
    }

    /// Processes as (id, parent, group, session); the program itself is in group 50 of session 1.
    fn check(parent: i32, processes: &[(i32, i32, i32, i32)]) -> bool {
        let find = |process: Pid| processes.iter().find(|one| one.0 == process.as_raw_nonzero().get());
        orphaned(
            Some(pid(parent)),
            &Relations {
                group: pid(50),
                group_of: &|process| find(process).map(|one| pid(one.2)),
                in_session: &|process| find(process).is_some_and(|one| one.3 == 1),
                parent_of: &|process| find(process).map(|one| pid(one.1)),
            },
        )
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

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_the_parent_of_a_process() {
        assert_eq!(parent_of(rustix::process::getpid()), getppid());
    }
}
