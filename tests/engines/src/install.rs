//! Debian packages, installed when they are missing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};

/// Where packages of other releases are unpacked, beside what else is kept between builds.
fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(".cache/vitrine");
    std::env::var_os("VITRINE_CACHE").map_or_else(home, PathBuf::from).join("engines")
}

/// Runs a command that must succeed; returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

/// Only one of the tests that run at a time installs something.
fn alone() -> Result<Flock<File>> {
    let folder = cache();
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let file = File::create(folder.join("lock"))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| e).context("the lock for installing")
}

fn found(program: &str, folders: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().map(PathBuf::from).chain(std::env::split_paths(&path)).chain(["/usr/sbin".into()]);
    all.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A program of this Debian release, looked for in these folders and in PATH.
pub fn program(program: &str, folders: &[&str], package: &str) -> Result<PathBuf> {
    if let Some(file) = found(program, folders) {
        return Ok(file);
    }
    let _alone = alone()?;
    if found(program, folders).is_none() {
        let root = nix::unistd::Uid::effective().is_root();
        let run = |name: &str, args: &[&str]| {
            let mut command = Command::new(if root { name } else { "sudo" });
            if !root {
                command.args(["-n", name]);
            }
            succeed(command.args(args).env("DEBIAN_FRONTEND", "noninteractive")).with_context(|| {
                format!("{program} is missing, and the Debian package {package} could not be installed")
            })
        };
        // Without this nothing could be installed once somebody was interrupted while installing.
        run("dpkg", &["--configure", "-a"])?;
        run("apt-get", &["update", "-qq"])?;
        run("apt-get", &["install", "-y", "-qq", "--no-install-recommends", package])?;
    }
    found(program, folders).with_context(|| format!("{program} is not where the package {package} should put it"))
}

/// A program of another Debian release, from the mirror that this machine uses, unpacked into a folder of its own.
pub(crate) fn unpacked(package: &str, release: &str, program: &str) -> Result<PathBuf> {
    let folder = cache().join(format!("{release}-{package}"));
    let file = folder.join(program);
    if file.is_file() {
        return Ok(file);
    }
    let _alone = alone()?;
    if file.is_file() {
        return Ok(file);
    }
    let work = tempfile::tempdir_in(cache())?;
    let at = |name: &str| work.path().join(name);
    for name in ["lists/partial", "archives/partial", "parts"] {
        std::fs::create_dir_all(at(name))?;
    }
    std::fs::write(at("sources.list"), format!("deb {} {release} main\n", mirror()?))?;
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        for (key, value) in [("SourceList", "sourcelist"), ("SourceParts", "sourceparts")] {
            let path = at(if key == "SourceList" { "sources.list" } else { "parts" });
            command.arg("-o").arg(format!("Dir::Etc::{value}={}", path.display()));
        }
        command.arg("-o").arg(format!("Dir::State::lists={}", at("lists").display()));
        command.arg("-o").arg(format!("Dir::Cache={}", work.path().display()));
        // As root apt would fetch as a user who may not write here.
        succeed(command.args(["-o", "APT::Sandbox::User=root"]).args(args).current_dir(work.path()))
    };
    apt(&["update", "-qq"])?;
    apt(&["download", "-qq", package])?;
    let packages = std::fs::read_dir(work.path())?.filter_map(|entry| entry.ok().map(|e| e.path()));
    let Some(downloaded) = packages.filter(|p| p.extension().is_some_and(|e| e == "deb")).last() else {
        bail!("{package} of {release} was not downloaded");
    };
    let unpacking = at("unpacked");
    succeed(Command::new("dpkg").arg("-x").arg(downloaded).arg(&unpacking))?;
    std::fs::rename(&unpacking, &folder)?;
    ensure!(file.is_file(), "the package {package} of {release} holds no {program}");
    Ok(file)
}

/// The Debian mirror of this machine.
fn mirror() -> Result<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = std::fs::read_dir(Path::new("/etc/apt/sources.list.d")) {
        files.extend(entries.filter_map(|entry| entry.ok().map(|e| e.path())));
    }
    let words = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect::<Vec<_>>().join("\n");
    let mirror = words.split_whitespace().find(|word| {
        let word = word.trim_end_matches('/');
        word.starts_with("http") && word.ends_with("/debian")
    });
    mirror.map(str::to_owned).context("apt's sources name no Debian mirror")
}
