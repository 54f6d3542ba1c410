// Frames written here by hand, byte by byte, after the protocol's definition: the decoder must read them and refuse others.
import { describe, expect, it } from "vitest";
import { decode, MalformedFrame } from "../src/wire/frame";
import { HeatGrid } from "../src/store/heat_grid";
import { afterDelta, barAt, fromSnapshot, joined } from "../src/store/picture";
import { frame, head } from "./made";

describe("a binary frame", () => {
  it("is read in place: times, enums and heat cells", () => {
    const { layers, heats } = decode(frame(head("snapshot", 1), [0, 60_000], [10, 11], [[1, 2, 3], [4, 5, 6]]));
    expect([...(layers[0]?.columns.get("ref_ms")?.values ?? [])]).toEqual([0, 60_000]);
    expect([...(layers[0]?.columns.get("close")?.values ?? [])]).toEqual([10, 11]);
    expect([...(heats[0]?.cells ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(heats[0]?.edges.length).toBe(3);
  });

  it("is refused when it is cut short, misaligned or no JSON", () => {
    const whole = frame(head("snapshot", 1), [0], [10], [[1]]);
    for (const bytes of [new ArrayBuffer(2), whole.slice(0, 40), whole.slice(0, whole.byteLength - 16)]) {
      expect(() => decode(bytes)).toThrow(MalformedFrame);
    }
    const broken = whole.slice(0);
    new Uint8Array(broken)[6] = 0xff;
    expect(() => decode(broken)).toThrow(MalformedFrame);
    const huge = whole.slice(0);
    new DataView(huge).setUint32(0, 0xffffffff, true);
    expect(() => decode(huge)).toThrow(MalformedFrame);
  });
});

describe("a picture", () => {
  const first = decode(frame(head("snapshot", 1), [0, 60_000], [10, 11], [[1, 2], [3, 4]]));

  it("grows by a delta and leaves the old picture as it was", () => {
    const picture = fromSnapshot(first);
    const next = afterDelta(picture, decode(frame(head("delta", 2), [120_000], [12], [[9, 9]], 120_000)));
    expect([...next.candles.openMs]).toEqual([0, 60_000, 120_000]);
    expect(next.candles.rows.number("close", 2)).toBe(12);
    expect(picture.candles.openMs.length).toBe(2);
    expect([...(next.heats.get("heat")?.cells ?? [])]).toEqual([1, 2, 3, 4, 9, 9]);
  });

  it("replaces a layer that is told whole, such as the order book", () => {
    const second = decode(frame(head("delta", 2), [180_000], [13], [[9, 9]], 120_000));
    for (const block of second.layers) block.card.whole = true;
    expect([...(afterDelta(fromSnapshot(first), second).layers.get("candles")?.array("close") ?? [])]).toEqual([13]);
  });

  it("replaces heat columns that a delta draws anew", () => {
    const next = afterDelta(fromSnapshot(first), decode(frame(head("delta", 2), [], [], [[7, 7], [8, 8]], 60_000)));
    expect([...(next.heats.get("heat")?.cells ?? [])]).toEqual([1, 2, 7, 7, 8, 8]);
    expect([...(next.heats.get("heat")?.edges ?? [])]).toEqual([0, 60_000, 120_000, 180_000]);
  });

  it("knows the bar that holds a moment", () => {
    const { candles } = fromSnapshot(first);
    expect([-1, 0, 59_999, 60_000, 1e12].map((ms) => barAt(candles, ms))).toEqual([-1, 0, 0, 1, 1]);
  });

  it("keeps the newest state of a signal, the last changed first", () => {
    const card = (id: number, changed_ms: number, event: string) => ({ id, setup: "s", changed_ms, event }) as never;
    const all = joined([card(1, 10, "opened"), card(2, 20, "opened")], [card(1, 30, "stopped")]);
    expect(all.map((signal) => `${signal.id} ${signal.event}`)).toEqual(["1 stopped", "2 opened"]);
  });
});

describe("the heat's zoom levels", () => {
  it("keep the largest of what they fold, also at an odd edge", () => {
    const cells = [[0, 200, 0], [0, 0, 0], [5, 0, 7]];
    const grid = HeatGrid.of(decode(frame(head("snapshot", 1), [0], [10], cells)).heats[0] as never);
    expect([...grid.pooled(2, 1).cells]).toEqual([0, 200, 0, 5, 0, 7]);
    expect([...grid.pooled(2, 2).cells]).toEqual([200, 0, 5, 7]);
    expect([...grid.pooled(4, 4).cells]).toEqual([200]);
  });

  it("never lose a strong cell, wherever it stands", () => {
    for (let at = 0; at < 35; at++) {
      const cells = Array.from({ length: 5 }, (_, column) => Array.from({ length: 7 }, (_, bin) => (column * 7 + bin === at ? 255 : 1)));
      const grid = HeatGrid.of(decode(frame(head("snapshot", 1), [0], [10], cells)).heats[0] as never);
      for (const [across, up] of [[2, 2], [4, 8], [1, 4], [8, 1]] as const) {
        expect(Math.max(...grid.pooled(across, up).cells)).toBe(255);
      }
    }
  });
});
