//! ministack: AWS on this machine. It runs the packaged functions, and maps DynamoDB, Kinesis and SQS to them.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::net::{TcpListener, TcpStream};

/// The region of everything.
pub const REGION: &str = "eu-central-1";

/// A running emulator; it ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    port: u16,
}

impl Emulator {
    /// Starts it on a free port, and waits until it answers. `tools` has the Python environment in which it is
    /// installed; what it says goes to `log`.
    pub async fn start(tools: &Path, log: &Path) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let out = std::fs::File::create(log)?;
        let mut command = Command::new(tools.join("bin/python"));
        command.args(["-m", "ministack"]).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        command.envs(environment(port)).envs([
            ("GATEWAY_PORT", port.to_string()),
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("MINISTACK_HOST", "127.0.0.1".to_owned()),
            ("MINISTACK_REGION", REGION.to_owned()),
            ("IOT_MTLS_ENABLED", "0".to_owned()),
        ]);
        let process = command.spawn().context("ministack does not start")?;
        let mut emulator = Self { process, port };
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        // A minute is far beyond what it takes.
        for _ in 0..600 {
            tick.tick().await;
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(emulator);
            }
            if let Some(status) = emulator.process.try_wait()? {
                bail!("ministack ended with {status}; see {}", log.display());
            }
        }
        bail!("ministack does not listen; see {}", log.display())
    }

    /// The environment in which every AWS SDK, the AWS provider and the functions find it.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        environment(self.port)
    }
}

fn environment(port: u16) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing else to do about it here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
