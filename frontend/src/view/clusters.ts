// The nearest walls of estimated liquidations, in words: where, how much, how far, which leverage.
import type { Rows } from "../store/rows";
import { episodes } from "./episodes";
import { age, percent, price as priceText, usd } from "./numbers";

export interface Cluster {
  side: string;
  low: number;
  high: number;
  peak: number;
  usd: number;
  /** From the last price to the nearer edge, as a share of the price; negative below it. */
  distance: number;
  leverage: number;
  young: number;
  firstMs: number;
}

export function liveClusters(rows: Rows | undefined, lastPrice: number): Cluster[] {
  if (!rows || !Number.isFinite(lastPrice)) return [];
  return episodes(rows)
    .filter((episode) => episode.alive)
    .map(({ last }) => {
      const low = rows.number("price_low", last);
      const high = rows.number("price_high", last);
      const edge = low > lastPrice ? low : high < lastPrice ? high : lastPrice;
      return {
        side: rows.word("side", last),
        low,
        high,
        peak: rows.number("price_peak", last),
        usd: rows.number("notional", last),
        distance: edge / lastPrice - 1,
        leverage: rows.number("leverage", last),
        young: rows.number("young_fraction", last),
        firstMs: rows.number("first_ms", last),
      };
    })
    .filter((cluster) => Number.isFinite(cluster.usd))
    .sort((a, b) => Math.abs(a.distance) - Math.abs(b.distance));
}

export function sentence(cluster: Cluster, tick: number, nowMs: number): string {
  const where =
    cluster.distance === 0 ? "around the price" : `${percent(Math.abs(cluster.distance), 2)} ${cluster.distance > 0 ? "above" : "below"}`;
  const since = Number.isFinite(cluster.firstMs) ? `, built up over ${age(nowMs - cluster.firstMs)}` : "";
  const leverage = Number.isFinite(cluster.leverage) ? `, about ${Math.round(cluster.leverage)}x` : "";
  return `${cluster.side === "long" ? "Longs" : "Shorts"}: about ${usd(cluster.usd)} would be liquidated ${where}, between ${priceText(cluster.low, tick)} and ${priceText(cluster.high, tick)}${leverage}${since} (estimated).`;
}
