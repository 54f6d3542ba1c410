// Expected values are worked out by hand from the definitions in the comments of the modules.
import { describe, expect, it } from "vitest";
import { decode } from "../src/wire/frame";
import type { Column } from "../src/wire/messages";
import { readSettings, writeAddress, keepLook, DEFAULTS } from "../src/store/settings";
import { Rows } from "../src/store/rows";
import { fromSnapshot } from "../src/store/picture";
import { atPosition, lookupTable, position } from "../src/view/heat_scale";
import { layerKeys } from "../src/view/layer_keys";
import { coarser, ladders } from "../src/view/ladders";
import { liquidationPoints, type Trip } from "../src/view/backtest";
import { inWords } from "../src/view/feed";
import { age, byUnit, digits, exactUsd, price, usd } from "../src/view/numbers";
import { palette } from "../src/view/palette";
import { seriesOf } from "../src/view/series";
import { shapesOf } from "../src/view/shapes";
import { moment, tick } from "../src/view/time";
import { spoken } from "../src/view/words";
import { frame, head } from "./made";

type Given = Record<string, number[] | { values: number[]; choices: string[] }>;

function rows(card: Record<string, unknown>, given: Given, units: Record<string, string> = {}): Rows {
  const columns = new Map<string, { column: Column; values: Float64Array }>();
  let length = 0;
  for (const [name, what] of Object.entries(given)) {
    const values = Array.isArray(what) ? what : what.values;
    const choices = Array.isArray(what) ? null : what.choices;
    const unit = units[name] ?? (choices ? "enum" : name.endsWith("_ms") ? "ns" : "price");
    columns.set(name, { column: { name, unit, help: "", dtype: "float64", offset: 0, choices }, values: new Float64Array(values) });
    length = values.length;
  }
  const layer = { key: "k", name: "n", title: "Things", shape: "zone", pane: "price", frame: "1m", episodes: true, estimated: false, rows: length, dropped: 0, columns: [], ...card };
  return new Rows(layer as never, length, columns);
}

const EVENTS = ["opened", "touched", "filled"];

describe("numbers", () => {
  it("are written with their unit", () => {
    expect(usd(1_234_567)).toBe("$1.23 M");
    expect(usd(-52.5e9)).toBe("−$52.5 B");
    expect(exactUsd(30_000_000)).toBe("$30,000,000");
    expect(price(66937.1, 0.1)).toBe("66,937.1");
    expect(byUnit(0.000043, "fraction", 0.1, "BTC")).toBe("0.0043 %");
    expect(byUnit(Number.NaN, "price", 0.1, "BTC")).toBe("–");
    expect([1, 0.5, 0.01, 0.0001, 5].map(digits)).toEqual([0, 1, 2, 4, 0]);
    expect([250, 9_000, 600_000, 7_300_000].map(age)).toEqual(["250 ms", "9 s", "10 min", "2 h"]);
  });

  it("of words keep the names of places", () => {
    expect(spoken("new_york_0830")).toBe("New York 08:30");
  });
});

describe("times", () => {
  it("are in the chosen zone and say so, on both sides of a clock change", () => {
    expect(moment(Date.UTC(2024, 7, 5, 14), "UTC")).toBe("2024-08-05 14:00 UTC");
    expect(moment(Date.UTC(2024, 7, 5, 14), "America/New_York")).toMatch(/^2024-08-05 10:00 (EDT|GMT-4)$/);
    expect(moment(Date.UTC(2024, 11, 5, 14), "America/New_York")).toMatch(/^2024-12-05 09:00 (EST|GMT-5)$/);
    expect(tick(Date.UTC(2024, 7, 5, 14), "time", "Asia/Tokyo")).toBe("23:00");
  });
});

describe("the heat's scale", () => {
  it("goes from handle to dollars and back, by square root and by four decades", () => {
    expect(atPosition(0.5, 100, "sqrt")).toBe(25);
    expect(atPosition(0.5, 1e6, "log")).toBeCloseTo(1e4);
    for (const map of ["sqrt", "log"] as const) for (const p of [0.1, 0.5, 1]) expect(position(atPosition(p, 3e7, map), 3e7, map)).toBeCloseTo(p);
  });

  it("draws nothing below the low handle and the last colour from the high one on", () => {
    const table = lookupTable({ fullUsd: 255 ** 2, low: 100 ** 2, high: 200 ** 2, map: "sqrt" }, palette("dark").heat);
    expect([0, 1, 99].map((byte) => table[byte])).toEqual([0, 0, 0]);
    expect(table[100]).not.toBe(0);
    expect(table[200]).toBe(table[255]);
    expect(table[199]).not.toBe(table[200]);
  });
});

describe("shapes", () => {
  it("end when the thing ends and live on when it does not", () => {
    const made = shapesOf(
      rows({}, { ref_ms: [0, 5, 0], known_ms: [10, 20, 30], id: [1, 2, 1], event: { values: [0, 0, 2], choices: EVENTS }, direction: { values: [0, 1, 0], choices: ["up", "down"] }, bottom: [1, 2, 1], top: [3, 4, 3] }),
    ).boxes;
    expect(made.map((box) => [box.fromMs, box.knownMs, box.toMs, box.low, box.high, box.tone])).toEqual([
      [0, 10, 30, 1, 3, "buy"],
      [5, 20, Number.NaN, 2, 4, "sell"],
    ]);
  });

  it("of levels are segments with a name, the newest row of each replacing the others", () => {
    const made = shapesOf(
      rows({ shape: "line", episodes: false }, { ref_ms: [0, 0], known_ms: [1, 2], valid_to_ms: [9, 9], period: { values: [1, 1], choices: ["day", "week"] }, kind: { values: [0, 0], choices: ["high"] }, price: [5, 6] }),
    ).segments;
    expect(made.map((segment) => [segment.label, segment.price, segment.fromMs, segment.toMs])).toEqual([["Previous week high", 6, 0, 9]]);
  });

  it("of a feature that nobody has heard of are drawn all the same", () => {
    const made = shapesOf(rows({ shape: "marker", episodes: false, name: "moonphase", title: "Moon" }, { ref_ms: [0], known_ms: [1], side: { values: [0], choices: ["high"] }, price: [5] })).marks;
    expect(made).toMatchObject([{ place: "above", price: 5, title: "Moon: high" }]);
  });
});

describe("series", () => {
  const { candles } = fromSnapshot(decode(frame(head("snapshot", 1), [0, 60_000, 120_000, 180_000], [10, Number.NaN, 12, 13], [[1]])));

  it("break where bars are missing and where a new sum begins", () => {
    const [line] = seriesOf(
      rows({ shape: "line", episodes: false, name: "cvd", pane: "delta" }, { ref_ms: [0, 120_000, 180_000], close: [1, 2, 3], segment: [7, 7, 8] }, { close: "quantity", segment: "id" }),
      candles,
    );
    expect([...(line?.values ?? [])]).toEqual([1, Number.NaN, 2, 3]);
    expect([...(line?.breaks ?? [])]).toEqual([0, 2]);
  });

  it("leave out distances that carry the unit of a price", () => {
    const found = seriesOf(rows({ shape: "line", episodes: false }, { ref_ms: [0, 60_000], average: [11, 12], sigma: [0.1, 0.2] }), candles);
    expect(found.map((series) => series.column)).toEqual(["average"]);
  });

  it("that hold nothing make no pane", () => {
    expect(seriesOf(rows({ shape: "line", episodes: false }, { ref_ms: [0], average: [Number.NaN] }), candles)).toEqual([]);
  });
});

describe("ladders", () => {
  it("gather the rungs of a bar, the newest of each price", () => {
    const [ladder] = ladders(rows({ shape: "footprint" }, { ref_ms: [0, 0, 0], price_low: [2, 1, 2], price_high: [3, 2, 3], buy_volume: [1, 1, 4], sell_volume: [0, 2, 1] }));
    expect(ladder?.rungs.map((rung) => [rung.low, rung.buy, rung.sell])).toEqual([[1, 1, 2], [2, 4, 1]]);
    expect(ladder?.most).toBe(5);
    const wider = coarser(ladder as never, 1.5);
    expect(wider.rungs.map((rung) => [rung.low, rung.high, rung.buy, rung.sell])).toEqual([[0, 2, 1, 2], [2, 4, 4, 1]]);
  });
});

describe("layer keys", () => {
  it("give every layer one letter of its own, those that are shown first, tables none", () => {
    const keys = layerKeys(
      ["liquidation_heatmap", "levels", "lambda", "luna", "late"].map((name) => ({ name, shape: name === "luna" ? "table" : "line", shown: name !== "lambda" })),
    );
    expect([...keys]).toEqual([["liquidation_heatmap", "h"], ["levels", "L"], ["late", "A"], ["lambda", "M"]]);
  });
});

describe("settings", () => {
  const keep = () => {
    const kept = new Map<string, string>();
    return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
  };

  it("come back from the address and from what was kept", () => {
    const box = keep();
    const chosen = { ...DEFAULTS, venue: "okx", symbol: "BTC-USDT-SWAP", frame: "4h", heatLow: 1000, zone: "Asia/Tokyo", layers: { levels: false } };
    keepLook(chosen, box);
    expect(readSettings(writeAddress(chosen), box)).toEqual(chosen);
  });

  it("of another's making are ignored", () => {
    const box = keep();
    box.setItem("perpscope.look", '{"heatMap": 7, "layers": {"levels": false}');
    expect(readSettings("?at=yesterday&zone=Mars", box)).toEqual(DEFAULTS);
  });
});

describe("the chip of the feed", () => {
  const chip = { age_ms: 0, holes: [], stale: [], sources: {} };
  const told = (...feeds: [number | null, string][]) =>
    inWords({
      line: "open",
      chip,
      status: { type: "status", now_ms: 0, feeds: feeds.map(([age_ms, state]) => ({ venue: "binance", channel: "c", age_ms, state })), gaps: 0, verdicts: null },
      watermarkMs: 0,
      zone: "UTC",
    });

  it("does not take silence for data of this moment", () => {
    expect(told([null, "connecting"]).text).toBe("not heard yet · no holes · 1 of 1 channels not live");
    expect(told([null, "connecting"]).level).toBe("warn");
  });

  it("gives the age of the newest message of those that spoke", () => {
    expect(told([null, "live"], [4000, "live"], [9000, "live"])).toEqual({ text: "data 4 s old · no holes", level: "good" });
  });
});

describe("liquidations of a backtest", () => {
  const trip = (exitMs: number, liquidated: boolean) => ({ exitMs, liquidated }) as Trip;

  it("stand at the first point of the curve that knows of them", () => {
    const points = liquidationPoints([trip(250, true), trip(100, true), trip(150, false), trip(999, true)], [0, 100, 200, 300]);
    expect(points.map(({ point, trip: { exitMs } }) => [point, exitMs])).toEqual([
      [1, 100],
      [3, 250],
    ]);
  });
});
