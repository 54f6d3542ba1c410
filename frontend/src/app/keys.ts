// The keyboard: digits open the time frame, letters the search, Shift and a letter switches a layer, h the heat.

export interface KeyWishes {
  frame(typed: string): void;
  search(typed: string): void;
  layer(key: string): void;
  help(): void;
  pan(bars: number): void;
  zoom(factor: number): void;
  reset(): void;
  goLive(): void;
  replay(what: "toggle" | "step"): void;
}

export function listen(page: Document, wishes: KeyWishes): void {
  page.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || page.querySelector("dialog[open]")) return;
    const target = event.target as HTMLElement | null;
    if (target?.closest("input, select, textarea, [role=slider]")) return;
    const { key } = event;
    const button = target?.closest("button, summary, a");
    if (button && (key === " " || key === "Enter")) return;
    if (target?.closest(".side-body, .paper") && /^(Arrow|Home|End|Page| )/.test(key)) return;
    if (act(key)) event.preventDefault();
  });

  function act(key: string): boolean {
    if (/^[0-9]$/.test(key)) wishes.frame(key);
    else if (key === "h" || /^[A-Z]$/.test(key)) wishes.layer(key);
    else if (/^[a-z]$/.test(key)) wishes.search(key);
    else if (key === "/") wishes.search("");
    else if (key === "?") wishes.help();
    else if (key === "ArrowLeft" || key === "ArrowRight") wishes.pan(key === "ArrowLeft" ? -10 : 10);
    else if (key === "+" || key === "=") wishes.zoom(0.8);
    else if (key === "-" || key === "−") wishes.zoom(1.25);
    else if (key === "Home") wishes.reset();
    else if (key === "End") wishes.goLive();
    else if (key === " ") wishes.replay("toggle");
    else if (key === ".") wishes.replay("step");
    else return false;
    return true;
  }
}
