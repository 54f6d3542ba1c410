// Which kind of label a tick of the time axis bears.
import { TickMarkType } from "lightweight-charts";
import type { Tick } from "../view/time";

export const TICKS: Record<TickMarkType, Tick> = {
  [TickMarkType.Year]: "year",
  [TickMarkType.Month]: "month",
  [TickMarkType.DayOfMonth]: "day",
  [TickMarkType.Time]: "time",
  [TickMarkType.TimeWithSeconds]: "seconds",
};
