//! Rebuilds when a file of the web pages or of the docs is added or removed; Cargo notices changes of known files without this.

fn main() {
    let folders = [
        "docs",
        "web/common",
        "web/embed",
        "web/share",
        "web/check",
        "web/dashboard",
        "web/docs",
        "web/vendor",
    ];
    for folder in folders {
        println!("cargo:rerun-if-changed={folder}");
    }
}
