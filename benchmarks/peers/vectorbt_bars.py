"""vectorbt's side of `bars.py`; run by it with the interpreter of an environment that holds vectorbt 1.2."""

import json
import sys
import time

import numpy as np
import vectorbt as vbt

QUANTITY, DEPOSIT, FEE = 0.1, 1_000_000.0, 0.0005


def main(path: str) -> None:
    data = np.load(path)
    n = len(data["close"])
    buy, sell = np.zeros(n, bool), np.zeros(n, bool)
    fills_at = data["at"] + 1  # decided at the close, filled at the next open
    buy[fills_at[data["side"] > 0]] = True
    sell[fills_at[data["side"] < 0]] = True

    def run() -> tuple[float, int, float]:
        portfolio = vbt.Portfolio.from_signals(
            data["close"], entries=buy, short_entries=sell, price=data["open"], size=QUANTITY, fees=FEE, init_cash=DEPOSIT,
            upon_opposite_entry="reverse", freq="1min",
        )  # fmt: skip
        value = np.asarray(portfolio.value())
        return float(value[-1]), len(portfolio.orders.values), float(portfolio.orders.values["fees"].sum())

    begun = time.process_time()
    run()
    first, best = time.process_time() - begun, np.inf
    for _ in range(7):
        begun = time.process_time()
        equity, fills, fees = run()
        best = min(best, time.process_time() - begun)
    print(json.dumps({"version": vbt.__version__, "first": first, "cpu": best, "fills": fills, "equity": equity, "fees": fees}))


if __name__ == "__main__":
    main(sys.argv[1])
