"""nautilus_trader's side of `bars.py`; run by it with the interpreter of an environment that holds nautilus_trader 1.x."""

import json
import sys
import time
from collections import deque
from decimal import Decimal

import nautilus_trader
import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

FAST, SLOW, QUANTITY, DEPOSIT, FEE = 20, 60, 0.1, 1_000_000, "0.0005"
VENUE = Venue("SIM")


class CrossConfig(StrategyConfig, frozen=True):
    instrument_id: InstrumentId
    bar_type: BarType


class Cross(Strategy):
    """Always in the market, on the side of the faster average."""

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.closes: deque[float] = deque(maxlen=SLOW)
        self.sums = [0.0, 0.0]
        self.side = 0
        self.orders = 0

    def on_start(self) -> None:
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar) -> None:
        close = round(bar.close.as_double() * 10)
        if len(self.closes) == SLOW:
            self.sums[1] -= self.closes[0]
        if len(self.closes) >= FAST:
            self.sums[0] -= self.closes[-FAST]
        self.closes.append(close)
        self.sums[0] += close
        self.sums[1] += close
        if len(self.closes) < SLOW:
            return
        side = 1 if self.sums[0] / FAST > self.sums[1] / SLOW else -1
        if side == self.side:
            return
        quantity = QUANTITY if self.side == 0 else 2 * QUANTITY
        self.side = side
        self.orders += 1
        order = self.order_factory.market(
            self.config.instrument_id, OrderSide.BUY if side > 0 else OrderSide.SELL, Quantity(quantity, 3)
        )
        self.submit_order(order)


def instrument() -> CryptoPerpetual:
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol("BTCUSDT-PERP"), VENUE), raw_symbol=Symbol("BTCUSDT"), base_currency=BTC,
        quote_currency=USDT, settlement_currency=USDT, is_inverse=False, price_precision=1, size_precision=3,
        price_increment=Price(0.1, 1), size_increment=Quantity(0.001, 3), margin_init=Decimal("0.2"),
        margin_maint=Decimal("0.004"), maker_fee=Decimal(FEE), taker_fee=Decimal(FEE), ts_event=0, ts_init=0,
    )  # fmt: skip


def main(path: str) -> None:
    data = np.load(path)
    made = instrument()
    bar_type = BarType.from_str("BTCUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL")
    columns = {name: data[name] for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame({**columns, "volume": 1e6}, index=pd.to_datetime(data["ref"] + 60_000_000_000, utc=True))
    bars = BarDataWrangler(bar_type, made).process(frame)
    best = np.inf
    first = None
    for _ in range(1):
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
        engine.add_venue(
            VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(DEPOSIT, USDT)], base_currency=USDT, default_leverage=Decimal(5)
        )
        engine.add_instrument(made)
        engine.add_data(bars)
        strategy = Cross(CrossConfig(instrument_id=made.id, bar_type=bar_type))
        engine.add_strategy(strategy)
        begun = time.process_time()
        engine.run()
        spent = time.process_time() - begun
        first = spent if first is None else first
        best = min(best, spent)
        balance = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
        open_profit = sum(
            p.unrealized_pnl(Price(float(data["close"][-1]), 1)).as_double() for p in engine.cache.positions_open()
        )
        orders = strategy.orders
        engine.dispose()
    told = {
        "version": nautilus_trader.__version__,
        "first": first,
        "cpu": best,
        "fills": orders,
        "equity": balance + open_profit,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
