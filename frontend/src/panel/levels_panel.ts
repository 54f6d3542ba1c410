// The nearest liquidation clusters in words, the bias of every time frame, and the picture told in sentences.
import type { Picture } from "../store/picture";
import { liveClusters, sentence, type Cluster } from "../view/clusters";
import { percent, price, signed, usd } from "../view/numbers";
import type { Palette } from "../view/palette";
import { fill, h, place } from "./dom";

const NEAREST = 4;

export function showLevels(body: HTMLElement, picture: Picture, lastPrice: number, palette: Palette): void {
  const rows = [...picture.layers.values()].find((layer) => layer.card.name === "liquidation_clusters");
  const clusters = liveClusters(rows, lastPrice);
  const tick = picture.head.tick_size;
  const why = picture.head.absent.liquidation_clusters;
  fill(
    body,
    h("h2", {}, "Nearest liquidation clusters ", h("span", { class: "tag" }, "estimated")),
    clusters.length
      ? h(
          "div",
          { class: "clusters" },
          ...side(clusters.filter((c) => c.distance > 0).slice(0, NEAREST).reverse()),
          h("div", { class: "last-price" }, h("span", {}, "last price"), h("b", {}, price(lastPrice, tick))),
          ...side(clusters.filter((c) => c.distance <= 0).slice(0, NEAREST)),
        )
      : h("p", { class: "muted" }, why ?? "None is near: no cluster of estimated liquidations stands out at this time frame."),
    h("h2", {}, "Bias per time frame"),
    mtf(picture, palette),
    picture.summary.length > 0 && h("h2", {}, "In words"),
    ...picture.summary.map((line) => h("p", { class: "words" }, line)),
  );

  function side(found: Cluster[]): HTMLElement[] {
    const most = Math.max(...clusters.map((c) => c.usd), 1);
    return found.map((cluster) => {
      const bar = h("span", { class: "bar" });
      const colour = cluster.side === "long" ? palette.buy : palette.sell;
      place(bar, { width: `${Math.max((100 * cluster.usd) / most, 2)}%`, background: colour });
      const who = h("b", {}, cluster.side === "long" ? "Longs" : "Shorts");
      place(who, { color: colour });
      return h(
        "div",
        { class: "cluster", title: sentence(cluster, tick, picture.watermarkMs) },
        h("span", {}, who, ` ${usd(cluster.usd)}`),
        h("span", { class: "figure" }, signed(cluster.distance, (x) => percent(x, 2))),
        h("span", { class: "muted figure" }, `${price(cluster.low, tick)} – ${price(cluster.high, tick)}`),
        h("span", { class: "muted" }, Number.isFinite(cluster.leverage) ? `≈ ${Math.round(cluster.leverage)}x` : ""),
        bar,
      );
    });
  }
}

export function mtf(picture: Picture, palette: Palette): HTMLElement {
  const grid = picture.mtf;
  if (!grid) return h("p", { class: "muted" }, "No time frame has enough bars yet.");
  const cell = (text: string): HTMLElement => {
    const made = h("td", {}, text);
    const value = Number(text.replace("−", "-"));
    if (/^[+−-]?[0-9.]+$/.test(text) && value) place(made, { color: value > 0 ? palette.buy : palette.sell });
    if (/^(up|long|bull)$/.test(text)) place(made, { color: palette.buy });
    if (/^(down|short|bear)$/.test(text)) place(made, { color: palette.sell });
    return made;
  };
  return h(
    "table",
    { class: "mtf" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "frame"), ...grid.headings.map((heading) => h("th", { scope: "col" }, heading)))),
    h("tbody", {}, ...grid.rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.frame), ...row.cells.map(cell)))),
  );
}
