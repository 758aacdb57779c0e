//! What a panic does to the screen.
//!
//! On the thread that holds the screen it ends the program: the terminal is given back first, so that what the panic
//! says can be read. On any other thread somebody catches it (the supervisor of a feed, the runtime of a task, the
//! reader of a list that ends early) and the console goes on: then nothing may be written to the terminal, which shows
//! a frame, so it goes to the log, and with it to the view of the own log.

use std::panic::PanicHookInfo;
use std::thread::ThreadId;

use super::screen::Restorer;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// From now on a panic of this thread restores the screen and is then told by the hook that was there before; one of
/// another thread is only logged.
///
/// The screen stays left after a panic of this thread: the next frame is an error, which ends the loop. Call it after
/// any other hook is installed.
pub fn restore_on_panic(restorer: Restorer) {
    let before = std::panic::take_hook();
    std::panic::set_hook(hook(restorer, before, std::thread::current().id()));
}

fn hook(restorer: Restorer, before: Hook, holder: ThreadId) -> Hook {
    Box::new(move |info| {
        if std::thread::current().id() == holder {
            restorer.restore();
            before(info);
            return;
        }
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
        let what = info.payload_as_str().unwrap_or("for no stated reason");
        tracing::error!(place, thread, what, "something stopped working");
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Mutex, PoisonError};

    use super::super::screen::Screen;
    use super::super::screen::tests::Recorder;
    use super::*;

    /// Hooks are the process's: the tests that set one go one after the other.
    static HOOKS: Mutex<()> = Mutex::new(());

    /// Runs something under the hook; what the device and the earlier hook got, and whether the screen is still held.
    fn under_hook(run: impl FnOnce()) -> (Vec<String>, bool) {
        let _one = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
        let device = Recorder::default();
        let screen = Screen::enter(device.clone(), false).unwrap();
        device.taken();
        let told = device.clone();
        let usual = std::panic::take_hook();
        let teller: Hook = Box::new(move |info| {
            told.log.lock().unwrap().push(format!("told: {}", info.payload_as_str().unwrap_or_default()));
        });
        std::panic::set_hook(hook(screen.restorer(), teller, std::thread::current().id()));
        run();
        std::panic::set_hook(usual);
        (device.taken(), screen.write(b"x").is_ok())
    }

    #[test]
    fn a_panic_of_the_screen_s_thread_restores_first_and_is_told_after() {
        let (log, held) = under_hook(|| {
            let ended = catch_unwind(AssertUnwindSafe(|| panic!("the view fell over")));
            assert!(ended.is_err());
        });
        assert!(log[0].ends_with("\x1b[?1049l") && log[1] == "cooked", "{log:?}");
        assert_eq!(log[2], "told: the view fell over");
        assert!(!held);
    }

    #[test]
    fn a_panic_elsewhere_leaves_the_frame_alone() {
        let (log, held) = under_hook(|| {
            let ended = std::thread::spawn(|| panic!("a feed fell over")).join();
            assert!(ended.is_err());
        });
        assert!(log.iter().all(|line| !line.contains("a feed fell over")), "{log:?}");
        assert!(held);
    }
}
