//! Gives the versions that Cargo.lock pins to the sources, so that each row can print its peer's.
fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").expect("Cargo.lock");
    let mut name = String::new();
    for line in lock.lines() {
        if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"').replace('-', "_");
        }
        if let Some(value) = line.strip_prefix("version = ") {
            println!("cargo:rustc-env=VERSION_{name}={}", value.trim_matches('"'));
        }
    }
    let rustc = std::env::var("RUSTC").expect("RUSTC");
    let version = std::process::Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version.split(' ').nth(1).unwrap_or("unknown").to_string();
    println!("cargo:rustc-env=VERSION_rustc={version}");
}
