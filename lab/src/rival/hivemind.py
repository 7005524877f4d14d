"""Hivemind's averaging of vectors, one process per peer: the rival of `spirt-lab exchange` and of `spirt-lab rivals`.

Called with one JSON object:

- `peers`, `dim`, `rounds`, `warm_up`: rounds are measured after those of the warm-up.
- `fault`: `kill` or `stop` strikes the last peer in the middle of the last round; with `nan` it has one NaN in its vector,
  with `huge` its vector is multiplied by -10^6; null for none.
- `chunk_timeout`: after so many seconds without a chunk a peer gives another up (`next_chunk_timeout`); null, hivemind's
  default, for never.

Prints one JSON object per measured round: the seconds that the slowest peer took, and the most memory that a peer had. Of
the peers that were not struck: `succeeded`, how many were told of a success; `right`, whether each holds a mean of
what honest peers began with, the one that was struck included or not; `alike`, whether all hold the same mean up to rounding, or
the same bits; `finite`.
"""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

PATIENCE = 120.0
# What hivemind's own optimizer gives an averaging round.
ALLREDUCE_TIMEOUT = 60.0


def values(torch, peer, round_, dim):
    """The vector of a peer in a round; the same in every process."""
    generator = torch.Generator().manual_seed(1000 * round_ + peer)
    return torch.rand(dim, generator=generator) * 2 - 1


def tell(**said):
    print("told " + json.dumps(said), flush=True)


def mean(torch, members, round_, dim):
    return sum(values(torch, member, round_, dim) for member in members) / len(members)


def lie(vector, fault):
    if fault == "nan":
        vector[0] = float("nan")
    elif fault == "huge":
        vector *= -1e6


def judge(torch, tensor, setting, round_, fault):
    """What a peer holds after a round."""
    dim, everybody = setting["dim"], range(setting["peers"])
    candidates = {
        None: [everybody],
        "kill": [everybody, everybody[:-1]],
        "stop": [everybody, everybody[:-1]],
        "nan": [everybody[:-1]],
        "huge": [everybody[:-1]],
    }[fault]
    # Hivemind adds in its own order, in single precision.
    means = (mean(torch, members, round_, dim) for members in candidates)
    matches = [torch.allclose(tensor, expected, atol=1e-4) for expected in means]
    return {
        "mean": matches.index(True) if any(matches) else None,
        "finite": bool(torch.isfinite(tensor).all()),
        "digest": hashlib.blake2b(tensor.numpy().tobytes()).hexdigest(),
    }


def peer(number, setting, addresses):
    """One peer: says `ready` when its group is found, averages when told to, and says how it went."""
    import hivemind
    import torch

    peers, dim = setting["peers"], setting["dim"]
    rounds = setting["warm_up"] + setting["rounds"]
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
        allreduce_timeout=ALLREDUCE_TIMEOUT,
        next_chunk_timeout=setting["chunk_timeout"],
    )
    for round_ in range(rounds):
        fault = setting["fault"] if round_ == rounds - 1 else None
        with averager.get_tensors() as (tensor,):
            tensor[...] = values(torch, number, round_, dim)
            if number == peers - 1:
                lie(tensor, fault)
        # Finding a group is left out of the time: all have one before the clock starts.
        control = averager.step(
            wait=False,
            require_trigger=True,
            # As hivemind's optimizer has it for its own state; with retries a failed round lasts two minutes.
            allow_retries=False,
            scheduled_time=hivemind.utils.get_dht_time() + 3.0,
            timeout=PATIENCE,
        )
        while control.stage.name in ("IDLE", "LOOKING_FOR_GROUP") and not control.done():
            time.sleep(0.01)
        tell(ready=True)
        sys.stdin.readline()
        began = time.perf_counter()
        control.allow_allreduce()
        try:
            succeeded = control.result(PATIENCE) is not None
        except Exception:  # hivemind raises many kinds, and each means that the round failed
            succeeded = False
        tell(seconds=time.perf_counter() - began)
        # The others' clocks run: no arithmetic before all are through.
        sys.stdin.readline()
        with averager.get_tensors() as (tensor,):
            verdict = judge(torch, tensor, setting, round_, fault)
        kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        tell(succeeded=succeeded, peak_rss_bytes=kib * 1024, **verdict)
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


def start(number, setting, addresses):
    # In a session of its own, so that a signal reaches all processes of the peer.
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, json.dumps(setting), str(number), *addresses],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def go(processes):
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def play(processes, fault, clean_seconds):
    """One round; returns what is to be said of it."""
    survivors = processes
    for process in processes:
        hear(process)
    go(processes)
    if fault in ("kill", "stop"):
        time.sleep(clean_seconds / 2)
        os.killpg(processes[-1].pid, signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
    if fault is not None:
        survivors = processes[:-1]
    if fault in ("nan", "huge"):
        hear(processes[-1])
    seconds = max(hear(process)["seconds"] for process in survivors)
    go(survivors)
    told = [hear(process) for process in survivors]
    means, digests = {peer["mean"] for peer in told}, {peer["digest"] for peer in told}
    right = None not in means
    return {
        "seconds": seconds,
        "succeeded": sum(peer["succeeded"] for peer in told),
        "right": right,
        "alike": len(digests) == 1 or right and len(means) == 1,
        "finite": all(peer["finite"] for peer in told),
        "peak_rss_bytes": max(peer["peak_rss_bytes"] for peer in told),
    }


def main(setting):
    import hivemind

    root = hivemind.DHT(start=True)
    addresses = [str(address) for address in root.get_visible_maddrs()]
    processes = [start(number, setting, addresses) for number in range(setting["peers"])]
    rounds, clean_seconds = setting["warm_up"] + setting["rounds"], 0.0
    try:
        for round_ in range(rounds):
            fault = setting["fault"] if round_ == rounds - 1 else None
            told = play(processes, fault, clean_seconds)
            clean_seconds = told["seconds"]
            if round_ >= setting["warm_up"]:
                print(json.dumps(told), flush=True)
    finally:
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        root.shutdown()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        peer(int(sys.argv[2]), json.loads(sys.argv[1]), sys.argv[3:])
    else:
        main(json.loads(sys.argv[1]))
