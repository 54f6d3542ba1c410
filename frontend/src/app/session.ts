// What the page knows and wants: the reader's settings, the server's welcome, the picture, and the line between them.
import { inlinedFrame } from "../wire/inlined";
import { decode, type Frame } from "../wire/frame";
import { Line, type LineState, type Socket } from "../wire/line";
import type { Alert, ClockState, ErrorMessage, InstrumentCard, LayerCard, ServerMessage, StatusMessage, Subscribe, Welcome } from "../wire/messages";
import { Observable } from "../store/observable";
import { afterDelta, fromSnapshot, type Picture } from "../store/picture";
import { keepLook, readSettings, writeAddress, type Settings } from "../store/settings";

const MAIN = 1;
const ALERTS_KEPT = 200;
/** Layers that a tab beside the chart needs, whatever is drawn on it. */
const BESIDE: Record<Settings["side"], string[]> = {
  levels: ["liquidation_clusters"],
  setups: [],
  tape: ["liquidations", "trades"],
  book: ["ladder"],
};

export class Session {
  readonly settings: Observable<Settings>;
  readonly welcome = new Observable<Welcome | null>(null);
  readonly picture = new Observable<Picture | null>(null);
  readonly error = new Observable<ErrorMessage | null>(null);
  readonly status = new Observable<StatusMessage | null>(null);
  readonly clock = new Observable<ClockState | null>(null);
  readonly alerts = new Observable<Alert[]>([]);
  readonly line = new Observable<{ state: LineState | "offline"; retryMs: number }>({ state: "connecting", retryMs: 0 });
  /** Frames of other subscriptions, such as the grid of time frames. */
  readonly others = new Map<number, (frame: Frame) => void>();
  private readonly connection: Line | null;
  private asked = "";

  constructor(private readonly page: Window) {
    this.settings = new Observable(readSettings(page.location.search, storage(page)));
    const inlined = inlinedFrame(page.document);
    this.connection = inlined ? null : this.connect();
    if (inlined) this.offline(inlined);
    page.document.addEventListener("visibilitychange", () => this.connection?.visible(page.document.visibilityState === "visible"));
    page.addEventListener("popstate", () => this.change(readSettings(page.location.search, storage(page)), false));
  }

  get instrument(): InstrumentCard | undefined {
    const { venue, symbol } = this.settings.value;
    return this.welcome.value?.instruments.find((card) => card.venue === venue && card.symbol === symbol);
  }

  get catalogue(): LayerCard[] {
    return this.welcome.value?.layers ?? [];
  }

  start(): void {
    this.connection?.open();
  }

  retry(): void {
    this.connection?.retry();
  }

  send(message: Parameters<Line["send"]>[0]): void {
    this.connection?.send(message);
  }

  layerOn(name: string): boolean {
    return this.settings.value.layers[name] ?? this.catalogue.find((card) => card.name === name)?.shown ?? false;
  }

  change(part: Partial<Settings>, remember = true): void {
    const before = this.settings.value;
    this.settings.update(part);
    const after = this.settings.value;
    keepLook(after, storage(this.page));
    const address = writeAddress(after);
    if (remember && address !== writeAddress(before)) {
      const moved = before.venue !== after.venue || before.symbol !== after.symbol || before.frame !== after.frame || before.page !== after.page;
      const url = address || this.page.location.pathname;
      // A report opened as a file has no address of its own to write to.
      if (this.page.location.protocol !== "file:") this.page.history[moved ? "pushState" : "replaceState"](null, "", url);
    }
    this.ask();
  }

  /** Ask for what the settings say, if that is not what was asked for last. */
  ask(again = false): void {
    const welcome = this.welcome.value;
    if (!welcome || !this.connection) return;
    const chosen = this.complete(welcome);
    if (!chosen) return;
    const want: Subscribe = {
      type: "subscribe",
      id: MAIN,
      venue: chosen.venue,
      symbol: chosen.symbol,
      frame: chosen.frame,
      bars: chosen.bars,
      at: chosen.at,
      layers: this.wanted(),
    };
    const text = JSON.stringify(want);
    if (text === this.asked && !again) return;
    this.asked = text;
    this.error.set(null);
    this.connection.subscribe(want);
  }

  subscribe(want: Subscribe, show: (frame: Frame) => void): void {
    this.others.set(want.id, show);
    this.connection?.subscribe(want);
  }

  unsubscribe(id: number): void {
    this.others.delete(id);
    this.connection?.unsubscribe(id);
  }

  drawn(id: number, seq: number): void {
    this.connection?.drawn(id, seq);
  }

  /** Instrument and frame where the address names none: the first there is, at one hour if it has that. */
  private complete(welcome: Welcome): Settings | null {
    const now = this.settings.value;
    const first = welcome.instruments[0];
    if (!first) {
      this.error.set({ type: "error", code: "empty", sentence: "The lake is empty.", todo: "Import recorded data: perpscope import list\nOr invent a market: perpscope demo" });
      return null;
    }
    const venue = now.venue || first.venue;
    const symbol = now.symbol || (welcome.instruments.find((card) => card.venue === venue) ?? first).symbol;
    const frames = welcome.instruments.find((card) => card.venue === venue && card.symbol === symbol)?.frames ?? [];
    const frame = now.frame || (frames.includes("1h") ? "1h" : (frames[0] ?? "1h"));
    if (venue !== now.venue || symbol !== now.symbol || frame !== now.frame) {
      this.settings.update({ venue, symbol, frame });
      if (this.page.location.protocol !== "file:") this.page.history.replaceState(null, "", writeAddress(this.settings.value));
    }
    return this.settings.value;
  }

  private wanted(): string[] {
    const beside = BESIDE[this.settings.value.side];
    return this.catalogue.filter((card) => card.name === "candles" || this.layerOn(card.name) || beside.includes(card.name)).map((card) => card.name);
  }

  private connect(): Line {
    const { location } = this.page;
    const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
    return new Line(
      url,
      {
        state: (state, retryMs) => this.line.set({ state, retryMs }),
        message: (message) => this.message(message),
        frame: (frame) => this.frame(frame),
        malformed: (fault) =>
          this.error.set({ type: "error", code: "malformed", sentence: `The server sent a picture that cannot be read: ${fault.message}.`, todo: "A new one was asked for. If this stays, the page and the server differ in version: reload." }),
      },
      {
        open: (address) => new WebSocket(address) as unknown as Socket,
        later: (work, ms) => this.page.setTimeout(work, ms),
        cancel: (timer) => this.page.clearTimeout(timer as number),
      },
    );
  }

  private message(message: ServerMessage): void {
    switch (message.type) {
      case "hello":
        this.asked = "";
        this.welcome.set(message);
        this.ask();
        break;
      case "error":
        this.error.set(message);
        break;
      case "status":
        this.status.set(message);
        break;
      case "clock":
        this.clock.set(message);
        break;
      case "alert":
        this.alerts.set([message, ...this.alerts.value].slice(0, ALERTS_KEPT));
        break;
    }
  }

  private frame(frame: Frame): void {
    if (frame.head.id !== MAIN) {
      this.others.get(frame.head.id)?.(frame);
      return;
    }
    this.error.set(null);
    const now = this.picture.value;
    if (frame.head.type === "snapshot") this.picture.set(fromSnapshot(frame));
    else if (now) this.picture.set(afterDelta(now, frame));
  }

  private offline(buffer: ArrayBuffer): void {
    const frame = decode(buffer);
    const picture = fromSnapshot(frame);
    const { head } = picture;
    this.line.set({ state: "offline", retryMs: 0 });
    const card = (layer: { name: string; title: string; shape: string; pane: string; estimated: boolean }, episodes: boolean): LayerCard => ({ ...layer, family: "layers", episodes, shown: true });
    this.welcome.set({
      type: "hello",
      protocol: 1,
      mode: "history",
      version: "",
      instruments: [
        { venue: head.venue, symbol: head.symbol, base: head.base, quote: head.quote, tick_size: head.tick_size, frames: [head.frame], streams: [], first_ms: head.start_ms, last_ms: head.end_ms },
      ],
      layers: [...head.heats.map((heat) => card({ ...heat, shape: "heat" }, false)), ...head.layers.map((layer) => card(layer, layer.episodes))],
    });
    this.settings.update({ venue: head.venue, symbol: head.symbol, frame: head.frame });
    this.picture.set(picture);
  }
}

/** Reading localStorage is refused in some private windows; then nothing is kept. */
function storage(page: Window): Storage | null {
  try {
    return page.localStorage;
  } catch {
    return null;
  }
}
