// The order book as a ladder around the touch, with what rests at each price as a bar.
import type { Picture } from "../store/picture";
import { price, short } from "../view/numbers";
import type { Palette } from "../view/palette";
import { shortMoment, zoneName } from "../view/time";
import { fill, h, place } from "./dom";

const DEPTH = 22;

export function showBook(body: HTMLElement, picture: Picture, palette: Palette, zone: string): void {
  const rows = picture.layers.get("ladder");
  if (!rows?.length) {
    fill(body, h("h2", {}, "Order book"), h("p", { class: "muted" }, rows ? "The book has a hole: it is shown again from the next full snapshot." : (picture.head.absent.ladder ?? "No book was recorded for this instrument. Record one with 'perpscope record'.")));
    return;
  }
  const known = rows.number("known_ms", rows.length - 1);
  const levels = Array.from({ length: rows.length }, (_, row) => ({
    side: rows.word("side", row),
    price: rows.number("price", row),
    quantity: rows.number("quantity", row),
  }));
  const asks = levels.filter((level) => level.side === "ask").slice(0, DEPTH);
  const bids = levels.filter((level) => level.side === "bid").slice(0, DEPTH);
  const most = Math.max(...[...asks, ...bids].map((level) => level.quantity), 1e-12);
  const row = (level: (typeof levels)[number]) => {
    const bar = h("span", { class: "bar" });
    place(bar, { width: `${(100 * level.quantity) / most}%`, background: level.side === "bid" ? palette.buy : palette.sell });
    return h(
      "tr",
      {},
      h("td", { class: "figure" }, price(level.price, picture.head.tick_size)),
      h("td", { class: "figure depth" }, bar, h("span", {}, short(level.quantity))),
    );
  };
  const spread = (asks[0]?.price ?? Number.NaN) - (bids[0]?.price ?? Number.NaN);
  fill(
    body,
    h("h2", {}, "Order book"),
    h("p", { class: "muted" }, `As of ${shortMoment(known, zone, true)} ${zoneName(zone, known)}`),
    h(
      "table",
      { class: "book" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "price"), h("th", { scope: "col" }, picture.head.base))),
      h("tbody", {}, ...asks.reverse().map(row), h("tr", { class: "spread" }, h("td", { colspan: 2 }, `spread ${price(spread, picture.head.tick_size)}`)), ...bids.map(row)),
    ),
  );
}
