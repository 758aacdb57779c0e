//! A panic in any thread or task gives the terminal back before it is told, so that what it says can be read.

use std::panic::PanicHookInfo;

use super::screen::Restorer;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Restores the screen on a panic, then calls the hook that was there before.
///
/// The screen stays left: the next frame is an error, which ends the loop. Call it after any other hook is installed.
pub fn restore_on_panic(restorer: Restorer) {
    let before = std::panic::take_hook();
    std::panic::set_hook(hook(restorer, before));
}

fn hook(restorer: Restorer, before: Hook) -> Hook {
    Box::new(move |info| {
        restorer.restore();
        before(info);
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::screen::Screen;
    use super::super::screen::tests::Recorder;
    use super::*;

    /// Hooks are the process's: the tests that set one go one after the other.
    static HOOKS: Mutex<()> = Mutex::new(());

    #[test]
    fn a_panic_in_another_thread_restores_first_and_is_told_after() {
        let _one = HOOKS.lock().unwrap();
        let device = Recorder::default();
        let screen = Screen::enter(device.clone(), false).unwrap();
        device.taken();
        let told = device.clone();
        let usual = std::panic::take_hook();
        let teller: Hook = Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>().unwrap_or(&"another test's");
            told.log.lock().unwrap().push(format!("told: {text}"));
        });
        std::panic::set_hook(hook(screen.restorer(), teller));
        let ended = std::thread::spawn(|| panic!("a feed fell over")).join();
        std::panic::set_hook(usual);
        assert!(ended.is_err());
        let log = device.taken();
        assert!(log[0].ends_with("\x1b[?1049l") && log[1] == "cooked", "{log:?}");
        assert_eq!(log[2], "told: a feed fell over");
        assert!(screen.write(b"x").is_err());
    }
}
