"""Empty calls by Dask's or Ray's scheduler, workers up before the clock starts.

    python scale_peers.py dask 4 100000

Prints one JSON object.
"""

import json
import sys
import time


def nothing(number):
    return number


def dask(workers, tasks):
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        client.wait_for_workers(workers)
        started = time.perf_counter()
        # Not pure: else equal calls are one.
        client.gather(client.map(nothing, range(tasks), pure=False))
        return time.perf_counter() - started


def ray(workers, tasks):
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, logging_level="ERROR")
    call = ray.remote(nothing)
    # Starts the workers.
    ray.get([call.remote(number) for number in range(10 * workers)])
    started = time.perf_counter()
    ray.get([call.remote(number) for number in range(tasks)])
    seconds = time.perf_counter() - started
    ray.shutdown()
    return seconds


if __name__ == "__main__":
    backend, workers, tasks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = {"dask": dask, "ray": ray}[backend](workers, tasks)
    print(json.dumps({"seconds": seconds}))
