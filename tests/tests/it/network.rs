//! The scenario files in network namespaces. Needs root and iproute2; the suite leaves this module
//! out, and says so, where there are none.

use crate::scenarios::scenario;

/// Plays scenario files in a network of their own.
macro_rules! in_network {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                scenario(stringify!($name)).play(true);
            }
        )*
    };
}

in_network! {
    partition_and_heal
    asymmetric_cut
    slow_link
    kill_one
    freeze
    kill_everyone_and_restart
    full_disk
}
