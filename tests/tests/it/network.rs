//! The scenario files in network namespaces. Needs root and iproute2; the suite leaves this module
//! out, and says so, where there are none.

crate::scenarios::scenarios! {
    Namespaces:
        kill_one
        kill_f
        kill_the_bootstrap
        kill_all_but_the_minimum
        kill_everyone_and_restart
        rolling_restart
        freeze
        corrupt_checkpoint
        joiner_killed_while_syncing
        clock_step
        partition_and_heal
        asymmetric_cut
        unplugged
        slow_link
        full_disk
}
