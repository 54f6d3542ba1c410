// Generated from src/perpscope/web/wire.py by `python -m perpscope.web.typescript --write <this file>`. Do not edit.
//
// Times are float64 ms UTC; null is "not known". A binary frame is a u32 (little-endian) header length, the header as JSON
// padded so that the arrays begin at a multiple of 8, then the arrays. An `offset` counts from the first byte after the header.

export const PROTOCOL = 1;
export const IN_FLIGHT = 2;
export const MAX_MESSAGE = 16384;
export const MAX_SUBSCRIPTIONS = 100;
export const MAX_BARS = 20000;
export const HEAT_BINS = 400;
export const NO_CHOICE = 255;

export type Dtype = "float64" | "float32" | "uint8";
export type Mode = "history" | "live" | "replay";
export type ClockDo = "play" | "pause" | "step" | "speed" | "jump";

/**
 * The first message of a client. Who may speak was settled when the socket opened (cookie or bearer header).
 */
export interface Hello {
  type: "hello";
  protocol: number;
}

/**
 * Show an instrument. `at` (ms) asks for the picture as it was known then; None: the newest, kept up to date.
 *
 * `layers` are names of the catalogue; None: those that the catalogue marks `shown`. An `id` in use is replaced.
 */
export interface Subscribe {
  type: "subscribe";
  id: number;
  venue: string;
  symbol: string;
  frame: string;
  bars?: number;
  at?: number | null;
  layers?: string[] | null;
}

/**
 * The frame with this number has been drawn.
 */
export interface Ack {
  type: "ack";
  id: number;
  seq: number;
}

/**
 * After a broken socket, following a `subscribe` of the same `id`: the last frame that was drawn.
 */
export interface Resume {
  type: "resume";
  id: number;
  epoch: string;
  seq: number;
}

export interface Unsubscribe {
  type: "unsubscribe";
  id: number;
}

/**
 * Turn the replay's clock. `value`: times real time for "speed", bars for "step", ms for "jump".
 */
export interface Clock {
  type: "clock";
  do: "jump" | "pause" | "play" | "speed" | "step";
  value?: number | null;
}

/**
 * An instrument that can be shown. `first_ms` and `last_ms` span what is recorded of it.
 */
export interface InstrumentCard {
  venue: string;
  symbol: string;
  base: string;
  quote: string;
  tick_size: number;
  frames: string[];
  streams: string[];
  first_ms: number;
  last_ms: number;
}

/**
 * A layer that can be asked for: how it is drawn, and whether it is unless asked otherwise.
 */
export interface LayerCard {
  name: string;
  title: string;
  family: string;
  shape: string;
  pane: string;
  episodes: boolean;
  estimated: boolean;
  shown: boolean;
}

export interface Welcome {
  type: "hello";
  protocol: number;
  mode: "history" | "live" | "replay";
  version: string;
  instruments: InstrumentCard[];
  layers: LayerCard[];
}

/**
 * What went wrong, and what to do. `id` where it concerns a subscription.
 */
export interface ErrorMessage {
  type: "error";
  code: string;
  sentence: string;
  todo: string;
  id?: number | null;
}

/**
 * A rule that fired; never dropped in silence: `skipped` counts older ones that had to be.
 */
export interface Alert {
  type: "alert";
  rule: string;
  title: string;
  text: string;
  venue: string;
  symbol: string;
  known_ms: number;
  number: number;
  skipped?: number;
}

/**
 * A channel: `age_ms` since its last message, None before the first; `state` is connecting, live, stale or lost.
 */
export interface FeedState {
  venue: string;
  channel: string;
  age_ms: number | null;
  state: string;
}

/**
 * The state of the feeds. `gaps`: declared holes of the last day. `verdicts`: date of the evidence, None without.
 */
export interface StatusMessage {
  type: "status";
  now_ms: number;
  feeds: FeedState[];
  gaps: number;
  verdicts: string | null;
}

/**
 * Where the replay stands.
 */
export interface ClockState {
  type: "clock";
  playing: boolean;
  speed: number;
  at_ms: number;
  first_ms: number;
  last_ms: number;
}

/**
 * A column of a layer. `choices[v]` is the name of the enum value v; a null there is a number nobody uses.
 */
export interface Column {
  name: string;
  unit: string;
  help: string;
  dtype: "float32" | "float64" | "uint8";
  offset: number;
  choices?: (string | null)[] | null;
}

/**
 * Rows of a fold (or of a recorded stream), with its own columns, to be drawn by its shape.
 *
 * `dropped` rows older than those here were left out because there were too many. In a delta the rows are new ones, to be
 * appended. Rows of `episodes` share an `id`: one row per change of the thing. Of an episode that began before the window
 * the first and the newest row are there. A layer that is `whole`, such as the order book, replaces the one before.
 */
export interface Layer {
  key: string;
  name: string;
  title: string;
  shape: string;
  pane: string;
  frame: string | null;
  episodes: boolean;
  estimated: boolean;
  rows: number;
  dropped: number;
  columns: Column[];
  whole?: boolean;
}

/**
 * A dense picture on the candle grid: uint8 `cells`, column after column, `bins` from the lowest price up.
 *
 * A cell of byte b holds full_usd * (b / 255)^2 dollars; 0 is empty and 255 is full_usd or more. `edges_offset`: float64 ms,
 * `columns` + 1 of them; a column is `pool` candles and its cells hold the largest of them. The lower price of bin i is
 * price_low + i * price_step, or price_low * exp(i * price_step) where `price_scale` is "log". In a delta the columns follow
 * those before; one that begins at or before the newest edge known replaces what was there.
 */
export interface Heat {
  key: string;
  name: string;
  title: string;
  pane: string;
  estimated: boolean;
  columns: number;
  bins: number;
  pool: number;
  edges_offset: number;
  cells_offset: number;
  price_low: number;
  price_step: number;
  price_scale: "linear" | "log";
  scale: "sqrt";
  full_usd: number;
}

/**
 * The bar that is still forming.
 */
export interface Candle {
  ref_ms: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/**
 * One reason: its part of the score (None: not known then) and what evidence found the factor worth ("unproven").
 */
export interface Reason {
  name: string;
  title: string;
  detail: string;
  part: number | null;
  verdict: string;
}

/**
 * A setup's signal with every reason. `event` is its newest state, such as "opened" or "stopped".
 *
 * `live`: it has not ended. `changed_ms`: when that state became known.
 */
export interface SignalCard {
  id: number;
  setup: string;
  title: string;
  verdict: string;
  event: string;
  live: boolean;
  variant: string;
  position_side: string;
  ref_ms: number;
  known_ms: number;
  changed_ms: number;
  entry: number | null;
  stop: number | null;
  target: number | null;
  target_2: number | null;
  invalidation: number | null;
  score: number | null;
  cause: string;
  reasons: Reason[];
}

/**
 * The confluence: the sum of the known parts, each in -1..1, long positive; `vetoes` that are on.
 */
export interface ScoreCard {
  title: string;
  known_ms: number;
  score: number | null;
  most: number;
  reasons: Reason[];
  vetoes: string[];
}

export interface HoleCard {
  what: string;
  start_ms: number;
  end_ms: number;
  cause: string;
}

/**
 * What the chip at the top says: `age_ms` of the newest row against the moment shown, holes, streams that lag.
 */
export interface Chip {
  age_ms: number;
  holes: HoleCard[];
  stale: string[];
  sources: Record<string, string[]>;
}

/**
 * One time frame, as text by heading.
 */
export interface MtfRow {
  frame: string;
  cells: string[];
}

export interface MtfGrid {
  headings: string[];
  rows: MtfRow[];
}

/**
 * What snapshot and delta share. `watermark_ms`: nothing known later is in it. `skipped`: rows left out, by layer.
 *
 * `signals` of a delta are those that changed. `summary` is the picture in words, `mtf` the grid of time frames, `score`
 * the confluence at the last close; null in a delta where they have not changed.
 */
export interface FrameHead {
  type: "FrameHead";
  id: number;
  epoch: string;
  seq: number;
  watermark_ms: number;
  venue: string;
  symbol: string;
  frame: string;
  frame_ms: number;
  layers: Layer[];
  heats: Heat[];
  signals: SignalCard[];
  forming: Candle | null;
  skipped: Record<string, number>;
  chip: Chip;
  summary: string[] | null;
  mtf: MtfGrid | null;
  score: ScoreCard | null;
}

/**
 * The whole picture. `candles` is the layer named "candles": one row per bar of the grid, NaN where a bar is missing.
 *
 * `absent` says why a layer has nothing to show; `mix` which leverage mix the liquidation map is told with.
 */
export interface Snapshot {
  type: "snapshot";
  base: string;
  quote: string;
  tick_size: number;
  start_ms: number;
  end_ms: number;
  history_ms: number;
  absent: Record<string, string>;
  mix: string;
  id: number;
  epoch: string;
  seq: number;
  watermark_ms: number;
  venue: string;
  symbol: string;
  frame: string;
  frame_ms: number;
  layers: Layer[];
  heats: Heat[];
  signals: SignalCard[];
  forming: Candle | null;
  skipped: Record<string, number>;
  chip: Chip;
  summary: string[] | null;
  mtf: MtfGrid | null;
  score: ScoreCard | null;
}

/**
 * What is new since frame `after_seq`. A client that holds another frame asks to resume.
 */
export interface Delta {
  type: "delta";
  after_seq: number;
  id: number;
  epoch: string;
  seq: number;
  watermark_ms: number;
  venue: string;
  symbol: string;
  frame: string;
  frame_ms: number;
  layers: Layer[];
  heats: Heat[];
  signals: SignalCard[];
  forming: Candle | null;
  skipped: Record<string, number>;
  chip: Chip;
  summary: string[] | null;
  mtf: MtfGrid | null;
  score: ScoreCard | null;
}

export type ClientMessage = Hello | Subscribe | Ack | Resume | Unsubscribe | Clock;

export type ServerMessage = Welcome | ErrorMessage | Alert | StatusMessage | ClockState;

export type FrameHeader = Snapshot | Delta;
