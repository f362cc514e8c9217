//! Letters, taken by a relay that speaks just enough.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::sink::{PATIENCE, start, tell};

/// Takes one letter of each connection, and hands over all that was said.
async fn relay(listener: TcpListener, letters: mpsc::Sender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (read, mut write) = stream.into_split();
        let (mut lines, mut said, mut is_data) = (BufReader::new(read).lines(), String::new(), false);
        write.write_all(b"220 relay\r\n").await.expect("said");
        while let Ok(Some(line)) = lines.next_line().await {
            said.push_str(&line);
            said.push('\n');
            let answer: &[u8] = match line.as_str() {
                "." => {
                    is_data = false;
                    b"250 taken\r\n"
                }
                _ if is_data => continue,
                "DATA" => {
                    is_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => break,
                line if line.starts_with("EHLO") => b"250-relay\r\n250 AUTH PLAIN\r\n",
                _ => b"250 fine\r\n",
            };
            write.write_all(answer).await.expect("said");
            if line == "." {
                letters.send(said.clone()).await.expect("somebody reads");
            }
        }
    }
}

#[tokio::test]
async fn a_letter_is_handed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, mut letters) = mpsc::channel(4);
    tokio::spawn(relay(listener, sender));
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "
global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: 'Alerts <alerts@example.org>', smtp_require_tls: false, smtp_hello: vitrine.example}}
route: {{receiver: team, group_by: [alertname], group_wait: 0s}}
receivers:
  - name: team
    email_configs: [{{to: 'a@example.org, b@example.org', text: 'job {{{{ .CommonLabels.job }}}}', headers: {{x-team: ops}}, threading: {{enabled: true, thread_by_date: none}}}}]"
    );
    let alertmanager = start(folder.path(), &config).await;
    tell(&alertmanager, "alertname=<Down> job=api", true).await;
    let letter = tokio::time::timeout(PATIENCE, letters.recv()).await.expect("in time").expect("a letter");
    for expected in [
        "EHLO vitrine.example",
        "MAIL FROM:<alerts@example.org>",
        "RCPT TO:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "From: Alerts <alerts@example.org>",
        "Subject: [FIRING:1] <Down> (api)",
        "X-Team: ops",
        "@vitrine.example>",
        "References: <alert-",
        "multipart/alternative",
        "job api",
        "&lt;Down&gt;",
    ] {
        assert!(letter.contains(expected), "{expected}\n{letter}");
    }
    alertmanager.stop().await;
}
