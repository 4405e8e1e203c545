//! Rebuilds when a file of the web pages is added or removed; Cargo notices changes of known files without this.

fn main() {
    for folder in ["web/common", "web/share", "web/dashboard", "web/vendor"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
