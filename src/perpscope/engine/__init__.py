"""The one graph and the one loop: backtest, replay, report and live differ only in the source of batches."""
