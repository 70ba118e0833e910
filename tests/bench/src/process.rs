//! A function's process, as Lambda would start it, and what it has used.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// A running function; it ends when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a binary with this environment and no other.
    pub fn start(binary: &Path, environment: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.env_clear().envs(environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = command.spawn().with_context(|| format!("{} does not start", binary.display()))?;
        Ok(Self(child))
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0.id()))
    }

    /// The processor time that it has used, its own and the kernel's for it, in milliseconds (`proc_pid_stat`, fields
    /// 14 and 15, in ticks of a hundredth of a second).
    pub fn cpu_millis(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(self.file("stat"))?;
        // The second field is the name in brackets, and may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("/proc/<pid>/stat is not as documented")?;
        let ticks = |field: usize| fields.split_whitespace().nth(field - 3).and_then(|text| text.parse::<u64>().ok());
        let used = ticks(14).zip(ticks(15)).context("/proc/<pid>/stat is not as documented")?;
        Ok((used.0 + used.1) * 10)
    }

    /// The most memory that it has held, in kilobytes.
    pub fn peak_kilobytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(self.file("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc")?;
        let kilobytes = line.trim().strip_suffix(" kB").and_then(|text| text.parse().ok());
        let kilobytes = kilobytes.context("VmHWM is not as documented")?;
        ensure!(kilobytes > 0, "the process has ended");
        Ok(kilobytes)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing else to do about it here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
