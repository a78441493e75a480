//! Lets the library take its models.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(bearward_model)");
    println!("cargo::rustc-cfg=bearward_model");
    println!("cargo::rerun-if-changed=build.rs");
}
