// The rules of the line are those of the protocol's definition; the socket here is one that the test holds in its hand.
import { describe, expect, it } from "vitest";
import { Line, type Socket } from "../src/wire/line";
import type { ServerMessage, Subscribe } from "../src/wire/messages";
import { frame, head } from "./made";

const WANT: Subscribe = { type: "subscribe", id: 1, venue: "v", symbol: "S", frame: "1m" };
const HELLO: ServerMessage = { type: "hello", protocol: 1, mode: "live", version: "", instruments: [], layers: [] };

function held() {
  const sent: Record<string, unknown>[][] = [];
  const sockets: Socket[] = [];
  const timers: { work: () => void; ms: number }[] = [];
  const seen: string[] = [];
  const line = new Line(
    "ws://test",
    {
      state: (state) => seen.push(state),
      message: (message) => seen.push(message.type),
      frame: (got) => seen.push(`${got.head.type} ${got.head.seq}`),
      malformed: () => seen.push("malformed"),
    },
    {
      open() {
        const mine: Record<string, unknown>[] = [];
        sent.push(mine);
        const socket: Socket = { binaryType: "blob", onopen: null, onclose: null, onmessage: null, send: (text) => mine.push(JSON.parse(text)), close() {} };
        sockets.push(socket);
        return socket;
      },
      later: (work, ms) => timers.push({ work, ms }),
      cancel: () => undefined,
    },
  );
  line.open();
  const greet = (n: number) => {
    sockets[n]?.onopen?.();
    sockets[n]?.onmessage?.({ data: JSON.stringify(HELLO) });
  };
  const push = (n: number, type: "snapshot" | "delta", seq: number, more: object = {}) =>
    sockets[n]?.onmessage?.({ data: frame({ ...head(type, seq), ...more }, [0], [1], [[1]]) });
  return { line, sent, sockets, timers, seen, greet, push };
}

describe("the line", () => {
  it("says hello first and subscribes when it is greeted", () => {
    const { line, sent, greet } = held();
    line.subscribe(WANT);
    expect(sent[0]).toEqual([]);
    greet(0);
    expect(sent[0]?.map((message) => message.type)).toEqual(["hello", "subscribe"]);
  });

  it("comes back with growing pauses and resumes from the last frame", () => {
    const { line, sent, sockets, timers, greet, push } = held();
    line.subscribe(WANT);
    greet(0);
    push(0, "snapshot", 7);
    for (let n = 0; n < 3; n++) {
      sockets[n]?.onclose?.();
      timers[n]?.work();
    }
    expect(timers.map((timer) => timer.ms)).toEqual([400, 800, 1600]);
    greet(3);
    expect(sent[3]).toEqual([{ type: "hello", protocol: 1 }, WANT, { type: "resume", id: 1, epoch: "e", seq: 7 }]);
  });

  it("asks to resume when a number is missing and draws nothing of the torn delta", () => {
    const { line, sent, seen, greet, push } = held();
    line.subscribe(WANT);
    greet(0);
    push(0, "snapshot", 1);
    push(0, "delta", 2);
    push(0, "delta", 4);
    expect(seen.filter((what) => /\d/.test(what))).toEqual(["snapshot 1", "delta 2"]);
    expect(sent[0]?.at(-1)).toEqual({ type: "resume", id: 1, epoch: "e", seq: 2 });
  });

  it("asks for a new picture when the epoch is another", () => {
    const { line, sent, greet, push } = held();
    line.subscribe(WANT);
    greet(0);
    push(0, "snapshot", 1);
    push(0, "delta", 2, { epoch: "other" });
    expect(sent[0]?.at(-1)).toEqual(WANT);
  });

  it("acknowledges nothing while the tab is hidden and takes a snapshot on return", () => {
    const { line, sent, seen, greet, push } = held();
    line.subscribe(WANT);
    greet(0);
    push(0, "snapshot", 1);
    line.drawn(1, 1);
    line.visible(false);
    push(0, "delta", 2);
    line.drawn(1, 2);
    line.visible(true);
    expect(sent[0]?.slice(2)).toEqual([{ type: "ack", id: 1, seq: 1 }, WANT]);
    expect(seen).not.toContain("delta 2");
  });

  it("survives a malformed frame and asks anew", () => {
    const { line, sent, sockets, seen, greet } = held();
    line.subscribe(WANT);
    greet(0);
    sockets[0]?.onmessage?.({ data: new ArrayBuffer(3) });
    expect(seen).toContain("malformed");
    expect(sent[0]?.at(-1)).toEqual(WANT);
  });
});
