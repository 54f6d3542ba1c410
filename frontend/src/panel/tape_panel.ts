// Reported liquidations and the newest trades, as recorded: their history survives a reload because the server keeps it.
import type { Picture } from "../store/picture";
import type { Rows } from "../store/rows";
import { price, short, usd } from "../view/numbers";
import type { Palette } from "../view/palette";
import { shortMoment, zoneName } from "../view/time";
import { fill, h, place } from "./dom";

const MOST = 200;

export function showTape(body: HTMLElement, picture: Picture, palette: Palette, zone: string): void {
  const forced = picture.layers.get("liquidations");
  const trades = picture.layers.get("trades");
  const name = zoneName(zone, picture.watermarkMs);
  fill(
    body,
    h("h2", {}, "Liquidations, as reported"),
    forced?.length ? table(forced) : h("p", { class: "muted" }, picture.head.absent.liquidations ?? "The recording holds no reported liquidations in this window."),
    h("h2", {}, "Trades"),
    trades?.length ? table(trades) : h("p", { class: "muted" }, picture.head.absent.trades ?? "The recording holds bars here, not single trades."),
  );

  function table(rows: Rows): HTMLElement {
    const first = Math.max(rows.length - MOST, 0);
    const left = first + rows.card.dropped + (picture.skipped[rows.card.key] ?? 0);
    const totals = rows.has("long_quantity") || rows.has("long_notional");
    const side = ["position_side", "aggressor_side", "side"].find((column) => rows.has(column)) ?? "";
    const time = rows.has("exchange_ms") ? "exchange_ms" : rows.has("ref_ms") ? "ref_ms" : "known_ms";
    const made: HTMLElement[] = [];
    for (let row = rows.length - 1; row >= first; row--) made.push(totals ? totalsRow(rows, row, time) : eventRow(rows, row, time, side));
    return h(
      "table",
      { class: "tape" },
      h("thead", {}, h("tr", {}, ...(totals ? [name, "longs", "shorts"] : [name, "side", "price", "value"]).map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...made),
      left > 0 && h("tfoot", {}, h("tr", {}, h("td", { colspan: 4, class: "muted" }, `${left} older not listed`))),
    );
  }

  function eventRow(rows: Rows, row: number, time: string, side: string): HTMLElement {
    const word = rows.word(side, row);
    const at = rows.number("price", row);
    const value = rows.number("quantity", row);
    const tinted = h("td", {}, word);
    place(tinted, { color: word === "long" || word === "buy" ? palette.buy : palette.sell });
    return h(
      "tr",
      {},
      h("td", { class: "figure" }, shortMoment(rows.number(time, row), zone, true)),
      tinted,
      h("td", { class: "figure" }, price(at, picture.head.tick_size)),
      h("td", { class: "figure" }, usd(at * value)),
    );
  }

  function totalsRow(rows: Rows, row: number, time: string): HTMLElement {
    const unit = rows.has("long_notional") ? "notional" : "quantity";
    const write = (value: number) => (unit === "notional" ? usd(value) : `${short(value)} ${picture.head.base}`);
    const longs = h("td", { class: "figure" }, write(rows.number(`long_${unit}`, row)));
    const shorts = h("td", { class: "figure" }, write(rows.number(`short_${unit}`, row)));
    place(longs, { color: palette.buy });
    place(shorts, { color: palette.sell });
    return h("tr", {}, h("td", { class: "figure" }, shortMoment(rows.number(time, row), zone)), longs, shorts);
  }
}
