"""Hivemind's averaging of vectors, one process per peer: the rival of `spirt-lab exchange`.

Called with the number of peers, the length of the vectors, the number of rounds and of warm-up rounds before them. Prints
one JSON object per measured round: the seconds that the slowest peer took, whether all hold the mean of what they began
with, and the most memory that a peer had.
"""

import json
import resource
import subprocess
import sys
import time

PATIENCE = 120.0


def values(torch, peer, round_, dim):
    """The vector of a peer in a round; the same in every process."""
    generator = torch.Generator().manual_seed(1000 * round_ + peer)
    return torch.rand(dim, generator=generator) * 2 - 1


def tell(**said):
    print("told " + json.dumps(said), flush=True)


def peer(number, peers, dim, rounds, addresses):
    """One peer: says `ready` when its group is found, averages when told to, and says how it went."""
    import hivemind
    import torch

    dht = hivemind.DHT(initial_peers=addresses, start=True)
    averager = hivemind.averaging.DecentralizedAverager(
        [torch.zeros(dim)],
        dht,
        prefix="lab",
        start=True,
        target_group_size=peers,
        min_group_size=peers,
        min_matchmaking_time=3.0,
        request_timeout=1.0,
        allreduce_timeout=PATIENCE,
    )
    for round_ in range(rounds):
        with averager.get_tensors() as (tensor,):
            tensor[...] = values(torch, number, round_, dim)
        # Finding a group is left out of the time: all have one before the clock starts.
        control = averager.step(
            wait=False,
            require_trigger=True,
            scheduled_time=hivemind.utils.get_dht_time() + 3.0,
            timeout=PATIENCE,
        )
        while control.stage.name in ("IDLE", "LOOKING_FOR_GROUP") and not control.done():
            time.sleep(0.01)
        tell(ready=True)
        sys.stdin.readline()
        began = time.perf_counter()
        control.allow_allreduce()
        group = control.result(PATIENCE)
        seconds = time.perf_counter() - began
        tell(seconds=seconds)
        # The others' clocks run: no arithmetic before all are through.
        sys.stdin.readline()
        mean = sum(values(torch, other, round_, dim) for other in range(peers)) / peers
        with averager.get_tensors() as (tensor,):
            # Hivemind adds in its own order, in single precision.
            right = len(group) == peers and torch.allclose(tensor, mean, atol=1e-4)
        kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        tell(right=bool(right), peak_rss_bytes=kib * 1024)
    averager.shutdown()
    dht.shutdown()


def hear(process):
    """The next thing that a peer says; hivemind may print other lines."""
    while True:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("a peer ended too early")
        if line.startswith("told "):
            return json.loads(line[5:])


def main(peers, dim, rounds, warm_up):
    import hivemind

    root = hivemind.DHT(start=True)
    addresses = [str(address) for address in root.get_visible_maddrs()]
    arguments = [str(peers), str(dim), str(warm_up + rounds), *addresses]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--peer", str(number), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(peers)
    ]

    def everybody():
        return [hear(process) for process in processes]

    def go():
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()

    try:
        for round_ in range(warm_up + rounds):
            everybody()
            go()
            seconds = max(told["seconds"] for told in everybody())
            go()
            told = everybody()
            if round_ >= warm_up:
                right = all(peer["right"] for peer in told)
                peak = max(peer["peak_rss_bytes"] for peer in told)
                print(json.dumps({"seconds": seconds, "right": right, "peak_rss_bytes": peak}), flush=True)
    finally:
        for process in processes:
            process.kill()
        root.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        numbers = [int(argument) for argument in sys.argv[2:6]]
        peer(*numbers, sys.argv[6:])
    else:
        main(*(int(argument) for argument in sys.argv[1:5]))
