"""How fast the statistics are, beside the plain way of computing the same numbers, in one run on one core.

    python benchmarks/stats.py            the whole table, about a minute
    python benchmarks/stats.py --quick    a tenth of the sizes, for a smoke test

Seconds are of the processor, on one core, so that a busy machine disturbs them less. Figures are from one machine and noisy:
read the ratios. A peer that would take minutes does a share of the work, and its
time is scaled up (the table says so). Answers of both sides are compared before a ratio is printed.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from arch.bootstrap import StationaryBootstrap

from perpscope.stats.blocks import resampled_paths
from perpscope.stats.bootstrap import bootstrap_mean, bootstrap_means, stationary_variance
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.measurement import measure
from perpscope.stats.metrics import METRICS
from perpscope.stats.overfitting import probability_of_overfitting
from perpscope.stats.splits import combinatorial
from perpscope.stats.superiority import draw_differences, superior_predictive_ability


def seconds(work: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """The best of a few rounds after one that is not counted, and the last answer."""
    answer = work()
    best = math.inf
    for _ in range(rounds):
        begin = time.process_time()
        answer = work()
        best = min(best, time.process_time() - begin)
    return best, answer


def show(what: str, ours: float, peer: str = "", theirs: float = math.nan, limit: float = math.nan) -> None:
    """One line of the table."""
    verdict = "" if math.isnan(limit) else f"  limit {limit:g} s: {'met' if ours < limit else 'MISSED'}"
    against = "" if math.isnan(theirs) else f"  {theirs / ours:7.1f} x faster than {peer} ({theirs:.2f} s)"
    print(f"{what:<64} {ours:8.3f} s{against}{verdict}", flush=True)


def overfitting(quick: bool) -> None:
    """PBO against a loop that forms both halves of every combination."""
    rows, strategies, blocks = (500, 50, 12) if quick else (5_000, 200, 16)
    returns = np.random.default_rng(1).standard_normal((rows, strategies)) * 0.01
    ours, found = seconds(lambda: probability_of_overfitting(returns, blocks))
    parts = np.split(returns[rows % blocks :], blocks)
    some = list(itertools.islice(enumerate(itertools.combinations(range(blocks), blocks // 2)), 0, None, 97))

    def loop() -> list[float]:
        ranks = []
        for _, inside in some:
            seen = np.concatenate([parts[b] for b in inside])
            unseen = np.concatenate([parts[b] for b in range(blocks) if b not in inside])
            best = int(np.argmax(seen.mean(axis=0) / seen.std(axis=0, ddof=1)))
            scores = unseen.mean(axis=0) / unseen.std(axis=0, ddof=1)
            ranks.append(1.0 + np.count_nonzero(scores < scores[best]))
        return ranks

    theirs, ranks = seconds(loop, rounds=1)
    if not np.array_equal(found.ranks[[number for number, _ in some]], ranks):
        raise SystemExit("PBO and the plain loop disagree")
    show(
        f"PBO, {len(found.logits):,} combinations of {rows:,} x {strategies}",
        ours,
        f"a numpy loop, on {len(some)} combinations",
        theirs * len(found.logits) / len(some),
        math.nan if quick else 1.0,
    )


def block_bootstrap(quick: bool) -> None:
    """The mean, the Sharpe ratio and whole paths of stationary replications, against arch."""
    n, replications = (2_000, 1_000) if quick else (20_000, 10_000)
    noise = np.random.default_rng(2).standard_normal(n)
    returns = 0.01 * noise
    returns[1:] += 0.003 * noise[:-1]
    limit = math.nan if quick else 2.0
    for block in (1.0, 2.0, 10.0, 50.0):

        def means(block: float = block) -> Any:
            return bootstrap_mean(returns, rng=np.random.default_rng(3), replications=replications, block_length=block)

        def paths(block: float = block) -> np.ndarray:
            rng = np.random.default_rng(3)
            return np.concatenate([p.mean(axis=1) for p in resampled_paths(returns, block, replications, rng)])

        ours, _ = seconds(means, rounds=1)
        whole, drawn = seconds(paths, rounds=1)
        exact = math.sqrt(stationary_variance(returns, block) / n)
        if abs(drawn.std() / exact - 1.0) > 5.0 / math.sqrt(2 * replications):
            raise SystemExit("the bootstrap spread is not the exact one")
        share = max(replications // 50, 10)
        peer = StationaryBootstrap(block, returns, seed=np.random.default_rng(3))
        theirs, _ = seconds(lambda peer=peer, share=share: peer.apply(np.mean, share), rounds=1)
        theirs *= replications / share
        what = f"{replications:,} replications of {n:,}, block {block:g}: mean"
        show(what, ours, f"arch, on {share}", theirs, limit)
        show(f"{'':<8}every replication as a whole path", whole, f"arch, on {share}", theirs, limit)

    def sharpe() -> np.ndarray:
        columns = np.column_stack([returns, returns**2])
        both = bootstrap_means(columns, rng=np.random.default_rng(3), block_length=10.0, replications=replications)
        return both[:, 0] / np.sqrt((both[:, 1] - both[:, 0] ** 2) * n / (n - 1))

    show(f"{replications:,} replications of {n:,}, block 10: Sharpe ratio", seconds(sharpe, rounds=1)[0], limit=limit)
    names = [name for name, m in METRICS.items() if m.kind == "returns"]
    took, _ = seconds(
        lambda: measure(names, returns, rng=np.random.default_rng(3), replications=replications // 5, block_length=10.0),
        rounds=1,
    )
    show(f"{replications // 5:,} replications of {n:,}: all {len(names)} metrics of returns", took)


def the_rest(quick: bool) -> None:
    """Figures without a peer."""
    n, k = (500, 50) if quick else (5_000, 200)
    differences = np.random.default_rng(4).standard_normal((n, k))

    def spa() -> Any:
        rng = np.random.default_rng(5)
        return superior_predictive_ability(draw_differences(differences, rng=rng, replications=2_000, block_length=10.0))

    show(f"SPA, {n:,} x {k}, 2,000 replications", seconds(spa, rounds=1)[0])
    day = np.arange(n * 10) // 24
    score = np.random.default_rng(6).standard_normal(n * 10)
    took, _ = seconds(lambda: cluster_mean(score, day, rng=np.random.default_rng(7), replications=10_000))
    show(f"day-block mean of {n * 10:,} rows, 10,000 replications", took)
    t = np.arange(n * 10)
    show(f"CPCV(10, 2) of {n * 10:,} rows", seconds(lambda: combinatorial(t, t + 240, embargo=500))[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    quick = parser.parse_args().quick
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    overfitting(quick)
    block_bootstrap(quick)
    the_rest(quick)


if __name__ == "__main__":
    main()
