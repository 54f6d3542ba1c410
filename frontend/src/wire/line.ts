// The line to the server: one WebSocket, kept up with growing pauses, resumed from the last frame that was drawn.
import { decode, MalformedFrame, type Frame } from "./frame";
import type { ClientMessage, ServerMessage, Subscribe } from "./messages";

export type LineState = "connecting" | "open" | "lost";

export interface Listener {
  state(state: LineState, retryMs: number): void;
  message(message: ServerMessage): void;
  frame(frame: Frame): void;
  malformed(error: MalformedFrame): void;
}

/** What a line needs of a WebSocket, so that a test can hand it another. */
export interface Socket {
  binaryType: BinaryType;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Surroundings {
  open(url: string): Socket;
  later(work: () => void, ms: number): unknown;
  cancel(timer: unknown): void;
}

interface Held {
  want: Subscribe;
  epoch: string | null;
  seq: number;
}

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 10_000;
const PROTOCOL = 1;

export class Line {
  private socket: Socket | null = null;
  private pause = FIRST_PAUSE_MS;
  private timer: unknown = null;
  private greeted = false;
  private hidden = false;
  private readonly held = new Map<number, Held>();

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
    private readonly around: Surroundings,
  ) {}

  open(): void {
    this.timer = null;
    this.greeted = false;
    this.listener.state("connecting", 0);
    const socket = this.around.open(this.url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.send({ type: "hello", protocol: PROTOCOL });
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.lost(socket);
  }

  /** Try at once instead of waiting for the pause to end. */
  retry(): void {
    if (this.timer !== null) this.around.cancel(this.timer);
    if (!this.socket) this.open();
  }

  subscribe(want: Subscribe): void {
    this.held.set(want.id, { want, epoch: null, seq: -1 });
    if (this.greeted) this.send(want);
  }

  unsubscribe(id: number): void {
    if (this.held.delete(id) && this.greeted) this.send({ type: "unsubscribe", id });
  }

  /** The frame is on the screen: the server may send the next. A hidden page draws nothing and acknowledges nothing. */
  drawn(id: number, seq: number): void {
    if (!this.hidden && this.greeted) this.send({ type: "ack", id, seq });
  }

  /** Leaving a tab stops the acknowledgements; coming back asks for a whole picture instead of what was missed. */
  visible(shown: boolean): void {
    if (this.hidden === !shown) return;
    this.hidden = !shown;
    if (shown) for (const held of this.held.values()) this.anew(held);
  }

  send(message: ClientMessage): void {
    this.socket?.send(JSON.stringify(message));
  }

  private anew(held: Held): void {
    held.epoch = null;
    held.seq = -1;
    if (this.greeted) this.send(held.want);
  }

  private receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") return this.picture(data);
    const message = JSON.parse(data) as ServerMessage;
    if (message.type === "hello") {
      this.greeted = true;
      this.pause = FIRST_PAUSE_MS;
      this.listener.state("open", 0);
      this.listener.message(message);
      for (const held of this.held.values()) {
        this.send(held.want);
        if (held.epoch !== null) this.send({ type: "resume", id: held.want.id, epoch: held.epoch, seq: held.seq });
      }
      return;
    }
    this.listener.message(message);
  }

  private picture(buffer: ArrayBuffer): void {
    let frame: Frame;
    try {
      frame = decode(buffer);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      this.listener.malformed(error);
      for (const held of this.held.values()) this.anew(held);
      return;
    }
    const held = this.held.get(frame.head.id);
    if (!held || this.hidden) return;
    if (frame.head.type === "delta" && (frame.head.epoch !== held.epoch || frame.head.after_seq !== held.seq)) {
      if (held.epoch !== null && frame.head.epoch === held.epoch) {
        this.send({ type: "resume", id: held.want.id, epoch: held.epoch, seq: held.seq });
      } else {
        this.anew(held);
      }
      return;
    }
    held.epoch = frame.head.epoch;
    held.seq = frame.head.seq;
    this.listener.frame(frame);
  }

  private lost(socket: Socket): void {
    if (this.socket !== socket) return;
    this.socket = null;
    this.greeted = false;
    const wait = this.pause;
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    this.listener.state("lost", wait);
    this.timer = this.around.later(() => this.open(), wait);
  }
}
