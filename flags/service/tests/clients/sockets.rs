//! What only a real connection shows.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::instance::{Instance, InstanceConfig};

/// Pings one after the other: far more than a client that pings each 30 seconds sends in an hour.
const PINGS: u8 = 200;

fn wanted() -> InstanceConfig {
    let definitions = r#"{"flags": {"bool": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#;
    InstanceConfig { definitions: definitions.to_owned(), ..InstanceConfig::default() }
}

/// Reads frames of HTTP/2 up to one of this type; one that says goodbye is a failure.
async fn frame(stream: &mut TcpStream, kind: u8) -> Vec<u8> {
    const GOAWAY: u8 = 7;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("short")];
        stream.read_exact(&mut payload).await.expect("its payload");
        assert_ne!(head[3], GOAWAY, "the connection was given up: {payload:?}");
        // A ping of the server's own is no answer.
        if head[3] == kind && head[4] == 1 {
            return payload;
        }
    }
}

#[tokio::test]
async fn a_client_may_ping_without_a_stream() {
    let mut instance = Instance::start(wanted()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", instance.port)).await.expect("connected");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("written");
    for n in 0..PINGS {
        stream.write_all(&[0, 0, 8, 6, 0, 0, 0, 0, 0, n, 0, 0, 0, 0, 0, 0, 0]).await.expect("written");
        assert_eq!(frame(&mut stream, 6).await[0], n);
    }
    drop(stream);
    instance.stop().await;
}

#[tokio::test]
async fn flags_are_evaluated_over_a_unix_socket_which_a_dead_process_may_have_left() {
    let mut instance = Instance::start(wanted()).await;
    // The socket of the first run is still there.
    instance.stop().await;
    assert!(instance.socket.exists());
    instance.start_again().await;
    let mut stream = UnixStream::connect(&instance.socket).await.expect("connected");
    let request = "POST /ofrep/v1/evaluate/flags/bool HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"value\":true"), "{answer}");
    // A process that listens there keeps it, and so does a file.
    let taken = vitrine_platform_http::bind_unix(&instance.socket).expect_err("it is taken");
    assert!(taken.to_string().contains("another process listens there"), "{taken}");
    let file = instance.folder.path().join("file");
    std::fs::write(&file, "kept").expect("written");
    vitrine_platform_http::bind_unix(&file).expect_err("it is a file");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "kept");
    instance.stop().await;
}
