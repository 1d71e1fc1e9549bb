//! [`Pty`]: a pseudo-terminal, and what a terminal would show of what is written to it.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroU16;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use console::Term;
use vt100::Parser;

/// What a test waits for comes sooner, or never.
const PATIENCE: Duration = Duration::from_secs(120);

/// What ends each drawing of the lines that change: the rest of the screen is erased.
const DRAWN: &[u8] = b"\x1b[J";

pub(crate) struct Pty {
    /// The end that the program has.
    slave: OwnedFd,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

struct Shown {
    parser: Parser,
    /// The last bytes that came.
    last: Vec<u8>,
    /// All that came.
    raw: Vec<u8>,
}

impl Pty {
    #[expect(unsafe_code, reason = "there is no safe way to a pseudo-terminal here")]
    pub(crate) fn open(columns: u16, rows: u16) -> Self {
        let mut size = libc::winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let (mut master, mut slave) = (0, 0);
        // SAFETY: both are written where it returns 0; names and settings may be null.
        let code = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                &raw mut size,
            )
        };
        assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: openpty returned two open descriptors that nobody else has.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let [height, width] = [rows, columns].map(|count| NonZeroU16::new(count).unwrap());
        let shown = Arc::new((
            Mutex::new(Shown {
                parser: Parser::new(height, width, 1000),
                last: Vec::new(),
                raw: Vec::new(),
            }),
            Condvar::new(),
        ));
        let of_thread = Arc::clone(&shown);
        std::thread::spawn(move || read(master, &of_thread));
        Self { slave, shown }
    }

    /// The program's end, for a child.
    pub(crate) fn stdio(&self) -> Stdio {
        self.slave.try_clone().unwrap().into()
    }

    /// The program's end, as the library takes it.
    pub(crate) fn term(&self) -> Term {
        let end = || File::from(self.slave.try_clone().unwrap());
        Term::read_write_pair(end(), end())
    }

    /// The screen once it shows `text` and all of it is drawn.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait(text, |shown| {
            let screen = shown.parser.screen().contents();
            (screen.contains(text) && shown.last.ends_with(DRAWN)).then_some(screen)
        })
    }

    /// The screen once this holds of it.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        self.wait(what, |shown| {
            let screen = shown.parser.screen().contents();
            holds(&screen).then_some(screen)
        })
    }

    fn wait(&self, what: &str, found: impl Fn(&Shown) -> Option<String>) -> String {
        let (shown, came) = &*self.shown;
        let (started, mut shown) = (Instant::now(), shown.lock().unwrap());
        loop {
            if let Some(screen) = found(&shown) {
                return screen;
            }
            let left = PATIENCE.saturating_sub(started.elapsed());
            assert!(
                !left.is_zero(),
                "no `{what}` in:\n{}",
                shown.parser.screen().contents()
            );
            (shown, _) = came.wait_timeout(shown, left).unwrap();
        }
    }

    /// All bytes that were written so far.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shown.0.lock().unwrap().raw).into_owned()
    }
}

fn read(mut master: File, shown: &(Mutex<Shown>, Condvar)) {
    let mut bytes = [0; 4096];
    // It fails once every program's end is closed.
    while let Ok(count) = master.read(&mut bytes)
        && count > 0
    {
        let mut state = shown.0.lock().unwrap();
        state.parser.process(&bytes[..count]);
        state.last = bytes[..count].to_vec();
        state.raw.extend_from_slice(&bytes[..count]);
        shown.1.notify_all();
    }
}
