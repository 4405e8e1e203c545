//! Builds anew when a file of the page comes or goes; changes of known files are noticed without this.

fn main() {
    for folder in ["web/share", "web/vendor"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
