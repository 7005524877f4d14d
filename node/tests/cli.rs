//! The command line as people meet it: every case in `tests/cmd` is a command with its output and
//! its exit code. After a deliberate change: `TRYCMD=overwrite cargo test -p spirt-node --test cli`.

#[test]
fn commands_print_what_is_written_down() {
    let cases = trycmd::TestCases::new();
    cases
        .env("XDG_DATA_HOME", "/nowhere")
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .env("RUST_LOG", "")
        .case("tests/cmd/*.trycmd");
    if cfg!(feature = "attacks") {
        cases.case("tests/cmd/attacks/*.trycmd");
    }
}
