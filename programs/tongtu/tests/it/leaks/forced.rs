//! A panic where there is none: a debugger lets a running program fail in the middle of a function,
//! as if an arithmetic overflow had been found there. It is the program as it is, with its own
//! panic hook and what it has in memory at that moment; nothing in it helps.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tongtu_foreign::{Leashed, Ran, leash, run_within, tool};

use super::LIMIT;

/// A place in the program where secrets are in use, and a debugger that knows it.
pub(super) struct Place {
    gdb: PathBuf,
    function: String,
    panic: String,
}

impl Place {
    /// At the entry of the function whose mangled name has this in it; nothing where the tools or
    /// the machine are others.
    pub(super) fn at(part: &str) -> Option<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return None;
        }
        let (gdb, nm) = (tool("gdb")?, tool("nm")?);
        let mut list = leash(nm);
        let program = env!("CARGO_BIN_EXE_tongtu");
        let names = run_within(LIMIT, list.args(["--no-demangle", program]), b"").good();
        let named = |part: &str| {
            let mut names = names.split_whitespace();
            let found = names.find(|name| name.starts_with('_') && name.contains(part));
            found
                .unwrap_or_else(|| panic!("no function `{part}`"))
                .to_owned()
        };
        Some(Self {
            gdb,
            function: named(part),
            panic: named("panic_const24panic_const_add_overflow"),
        })
    }

    /// What the debugger does. The panic says that it is in the source file `said`.
    fn script(&self, start: &str, said: &str) -> String {
        let (function, panic, len) = (&self.function, &self.panic, said.len());
        format!(
            "set pagination off\nset confirm off\nset debuginfod enabled off\nset language c\n\
             handle SIGPIPE nostop noprint pass\n{start}\n\
             break *(unsigned long)&'{function}'\necho ready\\n\ncontinue\ndelete\n\
             set $place = ((char*(*)(unsigned long))malloc)({len} + 64)\n\
             set {{unsigned long}}$place = (unsigned long)$place + 32\n\
             set {{unsigned long}}($place + 8) = {len}\n\
             set {{unsigned int}}($place + 16) = 7\nset {{unsigned int}}($place + 20) = 7\n\
             set {{char[{}]}}($place + 32) = \"{said}\"\nset $rdi = $place\n\
             jump *(unsigned long)&'{panic}'\n",
            len + 1
        )
    }

    /// Runs the program in `folder` until it panics there; all that it says.
    pub(super) fn run(&self, folder: &Path, args: &[&str], said: &str) -> Ran {
        let script = folder.join("forced.gdb");
        std::fs::write(&script, self.script("starti", said)).unwrap();
        let mut command = leash(&self.gdb);
        command
            .args(["-batch", "-nx", "-x"])
            .arg(&script)
            .args(["--args", env!("CARGO_BIN_EXE_tongtu")])
            .args(args)
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "debug")
            .current_dir(folder);
        let ran = run_within(LIMIT, &mut command, b"");
        std::fs::remove_file(&script).unwrap();
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains(&format!("panicked at {said}")), "{all}");
        ran
    }

    /// Waits in a process that runs already; it panics the next time that it comes by.
    pub(super) fn wait(&self, process: u32, folder: &Path, said: &str) -> Leashed {
        let script = folder.join("forced.gdb");
        std::fs::write(&script, self.script("", said)).unwrap();
        let mut command = leash(&self.gdb);
        command
            .args(["-batch", "-nx", "-p", &process.to_string(), "-x"])
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut gdb = Leashed::start(&mut command);
        let mut lines = BufReader::new(gdb.stdout().unwrap()).lines();
        let is_ready = lines.any(|line| line.unwrap() == "ready");
        assert!(is_ready, "the debugger could not attach");
        // It goes on writing; nobody reads it, and what it says is short.
        std::thread::spawn(move || lines.count());
        std::fs::remove_file(&script).unwrap();
        gdb
    }
}
