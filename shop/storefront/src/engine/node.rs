//! Node, in processes of its own that are told pages line by line: each draws one page at a time, is ended when a page takes too long or what it
//! says makes no sense, and is started again with the next page. They end with their stdin, so none outlives the shop.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use vitrine_contracts::Problem;

use super::{Drawn, Error, Job, Jobs, LOAD_TIME, PAGE_TIME, page};

const PROGRAM: &str = "node";
/// What the process does with what it is told.
const HARNESS: &str = include_str!("node.js");
/// Memory of one process's script, in MiB.
const MEMORY: &str = "--max-old-space-size=64";
/// The longest page, in bytes.
const MAX_PAGE: u64 = 4 << 20;

/// Looks whether Node is here. The problem says that it is not.
pub(super) fn check() -> Result<(), Problem> {
    let found = std::process::Command::new(PROGRAM).arg("--version").stdin(Stdio::null()).output();
    let message = match found {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => format!("{PROGRAM} --version ended with {}", output.status),
        Err(e) => format!("{PROGRAM} could not be started: {e}"),
    };
    Err(Problem::invalid(
        "storefront.engine",
        "\"quickjs\", or \"node\" where the program node can be started",
        &message,
    ))
}

/// Draws what comes, until no one can send any more.
pub(super) async fn work(script: Arc<str>, jobs: Jobs) {
    let mut process = None;
    loop {
        let job = jobs.lock().await.recv().await;
        let Some(Job { input, done }) = job else { return };
        // Who asked may have gone meanwhile.
        if done.is_closed() {
            continue;
        }
        let drawn = draw(&mut process, &script, &input).await;
        if drawn.is_err() {
            process = None;
        }
        let _ = done.send(drawn);
    }
}

async fn draw(process: &mut Option<Process>, script: &str, input: &str) -> Result<Drawn, Error> {
    if process.is_none() {
        let script = serde_json::to_string(script).map_err(|e| Error::Script(e.to_string()))?;
        let mut started = Process::start()?;
        timeout(LOAD_TIME, started.ask(&script)).await.map_err(|_| late("the script was not read in time"))??;
        *process = Some(started);
    }
    let process = process.as_mut().expect("started just now");
    let text = timeout(PAGE_TIME, process.ask(input)).await.map_err(|_| late("interrupted: it took too long"))??;
    page(&text)
}

fn late(message: &str) -> Error {
    Error::Script(message.to_owned())
}

/// One Node. It is killed when this is dropped.
struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::Script(format!("{PROGRAM} could not be started: {e}"));
        let mut command = Command::new(PROGRAM);
        command.args([MEMORY, "-e", HARNESS]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Nothing of this process's settings, which may be secret.
        let path = std::env::var_os("PATH").map(|path| ("PATH", path));
        let mut child = command.env_clear().envs(path).kill_on_drop(true).spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Self { _child: child, stdin, stdout: BufReader::new(stdout) })
    }

    /// Says a line, and returns what it says to it.
    async fn ask(&mut self, line: &str) -> Result<String, Error> {
        let ended = |_| Error::Script(format!("{PROGRAM} has ended"));
        self.stdin.write_all(line.as_bytes()).await.map_err(ended)?;
        self.stdin.write_all(b"\n").await.map_err(ended)?;
        let mut said = Vec::new();
        (&mut self.stdout).take(MAX_PAGE).read_until(b'\n', &mut said).await.map_err(ended)?;
        let said = String::from_utf8(said).unwrap_or_default();
        match said.strip_suffix('\n').map(|said| said.split_at_checked(1)) {
            Some(Some(("=", page))) => Ok(page.to_owned()),
            Some(Some(("!", message))) => Err(Error::Script(message.to_owned())),
            Some(_) => Err(Error::Script(format!("{PROGRAM} said something else than a page"))),
            None => Err(Error::Script(format!("{PROGRAM} has ended, or a page has more than {MAX_PAGE} bytes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Drawn, Engine, EngineKind, Error};

    const SCRIPT: &str = r#"
        var drawn = 0;
        var storefront = {
            render: function (text) {
                var input = JSON.parse(text);
                if (input.do === "throw") throw new Error("broken\nglass");
                if (input.do === "spin") for (;;) {}
                if (input.do === "exit") process.exit(3);
                if (input.do === "other") return "glass";
                drawn += 1;
                return JSON.stringify({status: 200, html: "<p>" + drawn + (input.say || "") + "</p>"});
            },
        };"#;

    async fn drawn(engine: &Engine, input: &str) -> Result<Drawn, Error> {
        engine.draw(input.to_owned()).await
    }

    #[tokio::test]
    async fn what_goes_wrong_ends_one_page_and_its_process() {
        let engine = Engine::new(EngineKind::Node, SCRIPT, 1).expect("node");
        let page = |text: &str| Ok(Drawn { status: 200, html: format!("<p>{text}</p>") });
        assert_eq!(drawn(&engine, "{}").await, page("1"));
        // What some take for the end of a line is none here.
        assert_eq!(drawn(&engine, "{\"say\": \"\u{2028}ü\"}").await, page("2\u{2028}ü"));
        for (what, expected) in
            [("throw", "broken glass"), ("spin", "too long"), ("exit", "has ended"), ("other", "something else")]
        {
            let Err(Error::Script(message)) = drawn(&engine, &format!(r#"{{"do": "{what}"}}"#)).await else {
                panic!("{what} was drawn")
            };
            assert!(message.contains(expected), "{what}: {message}");
            assert_eq!(drawn(&engine, "{}").await, page("1"), "after {what} a new process begins");
        }
    }

    #[tokio::test]
    async fn a_script_that_is_none_is_said_to_be() {
        let engine = Engine::new(EngineKind::Node, "var storefront = {", 1).expect("node");
        let Err(Error::Script(message)) = drawn(&engine, "{}").await else { panic!("drawn") };
        assert!(message.contains("SyntaxError"), "{message}");
    }
}
