//! tokio's echo server (echo/echo.h says how it is run): one thread, a task for each connection.
use std::io::Read;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const BUFFER_SIZE: usize = 4096;

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0u8; BUFFER_SIZE];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn serve_tcp() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        tokio::spawn(serve(listener.accept().await?.0));
    }
}

/// As long as datagrams are there, without going back to the runtime.
async fn serve_udp() -> std::io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    println!("{}", socket.local_addr()?.port());
    let mut buffer = [0u8; BUFFER_SIZE];
    loop {
        let (n, from) = socket.recv_from(&mut buffer).await?;
        if socket.try_send_to(&buffer[..n], from).is_err() {
            socket.send_to(&buffer[..n], from).await?;
        }
    }
}

fn main() -> std::io::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    std::thread::spawn(|| {
        let mut byte = [0u8];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    match what.as_str() {
        "tcp" => runtime.block_on(serve_tcp()),
        "udp" => runtime.block_on(serve_udp()),
        _ => std::process::exit(2),
    }
}
