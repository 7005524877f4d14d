//! The scenario files on containers.

crate::scenarios::scenarios! {
    Compose:
        kill_one
        kill_f
        kill_the_bootstrap
        kill_all_but_the_minimum
        kill_everyone_and_restart
        rolling_restart
        freeze
        joiner_killed_while_syncing
        unplugged
}
