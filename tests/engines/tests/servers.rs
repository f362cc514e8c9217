//! Every server starts, hangs, dies and comes back on its port.

use std::net::TcpStream;

use anyhow::Result;
use vitrine_tests_engines::{Server, consul, nats, postgres, prometheus, redis};

fn lives(mut server: Server) -> Result<()> {
    let port = server.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "{}", server.kind());
    server.pause()?;
    server.resume()?;
    server.kill()?;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{} is dead", server.kind());
    server.up()?;
    assert_eq!(server.port(), port);
    server.stop()?;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{} has ended", server.kind());
    Ok(())
}

#[test]
fn nats_lives() -> Result<()> {
    lives(nats(&[])?)
}

#[test]
fn postgres_lives() -> Result<()> {
    lives(postgres(&[("fsync", "off")])?)
}

#[test]
fn redis_lives() -> Result<()> {
    lives(redis(&[])?)
}

#[test]
fn consul_lives() -> Result<()> {
    lives(consul()?)
}

#[test]
fn prometheus_lives() -> Result<()> {
    lives(prometheus(&[])?)
}
