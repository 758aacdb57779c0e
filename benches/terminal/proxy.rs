//! A way to the API server that can be made to hang: connections stay and are accepted, nothing comes through.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) struct Proxy {
    /// A kubeconfig that leads through it.
    pub(crate) kubeconfig: PathBuf,
    hangs: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// Stands before the server of a kubeconfig, which has to be on this host for its certificate to fit.
    pub(crate) fn before(kubeconfig: &Path) -> Self {
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let (_, after) = text.split_once("://127.0.0.1:").expect("a server on 127.0.0.1");
        let port: String = after.chars().take_while(char::is_ascii_digit).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let through = folder.path().join("kubeconfig");
        std::fs::write(&through, text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{own}"))).unwrap();
        let hangs = Arc::new(AtomicBool::new(false));
        std::thread::spawn({
            let hangs = Arc::clone(&hangs);
            move || {
                for near in listener.incoming().flatten() {
                    if let Ok(far) = TcpStream::connect(format!("127.0.0.1:{port}")) {
                        join(&near, &far, &hangs);
                    }
                }
            }
        });
        Self { kubeconfig: through, hangs, _folder: folder }
    }

    /// From now on nothing comes through.
    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }
}

fn join(near: &TcpStream, far: &TcpStream, hangs: &Arc<AtomicBool>) {
    for (from, to) in [(near, far), (far, near)] {
        let (Ok(mut from), Ok(mut to), hangs) = (from.try_clone(), to.try_clone(), Arc::clone(hangs)) else { return };
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count) = from.read(&mut buffer) {
                while hangs.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(200));
                }
                if count == 0 || to.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                    return;
                }
            }
        });
    }
}
