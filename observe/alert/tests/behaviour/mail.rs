//! Letters, taken by a relay that speaks just enough.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use vitrine_platform_tls as tls;

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

/// Reads a line without reading further: what follows may be TLS.
async fn line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.expect("a line"));
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

#[tokio::test]
async fn a_letter_goes_over_tls_with_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = vitrine_tests_engines::Certificates::new(folder.path()).expect("an authority");
    let (certificate, key) = certificates.issue("relay.example").expect("issued");
    let tls = tls::Server::new(&tls::Files { certificate, key, ..tls::Files::default() }).expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let relay = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut said = Vec::new();
        stream.write_all(b"220 relay\r\n").await.expect("said");
        for answer in ["250-relay\r\n250 STARTTLS\r\n", "220 begin\r\n"] {
            said.push(line(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.expect("said");
        }
        let mut stream = tls.accept(stream).await.expect("TLS");
        for answer in [
            "250-relay\r\n250 AUTH LOGIN\r\n",
            "334 VXNlcm5hbWU6\r\n",
            "334 UGFzc3dvcmQ6\r\n",
            "235 welcome\r\n",
            "250 from\r\n",
            "250 to\r\n",
            "354 go\r\n",
        ] {
            said.push(line(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.expect("said");
        }
        while line(&mut stream).await != "." {}
        stream.write_all(b"250 taken\r\n").await.expect("said");
        said
    });
    let config = format!(
        "
global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: a@example.org, smtp_auth_username: ada, smtp_auth_password: hunter2, smtp_tls_config: {{ca_file: ca.pem, server_name: relay.example}}}}
route: {{receiver: team, group_wait: 0s}}
receivers: [{{name: team, email_configs: [{{to: b@example.org}}]}}]"
    );
    let alertmanager = start(folder.path(), &config).await;
    tell(&alertmanager, "alertname=Down", true).await;
    let said = tokio::time::timeout(PATIENCE, relay).await.expect("in time").expect("a letter");
    let expected = [
        "EHLO localhost",
        "STARTTLS",
        "EHLO localhost",
        "AUTH LOGIN",
        "YWRh",
        "aHVudGVyMg==",
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "DATA",
    ];
    assert_eq!(said, expected);
    alertmanager.stop().await;
}
