// What each factor has been found worth: verdicts in one table, and behind each the gates, tables and the picture.
import { getJson, Refused } from "../wire/http";
import type { Estimate } from "../view/backtest";
import { capital, spoken } from "../view/words";
import { fill, h } from "../panel/dom";
import { estimate } from "./backtests_page";
import { refusal } from "./refusal";
import type { Session } from "./session";

interface Verdict {
  name: string;
  verdict: string;
  direction: string;
  sentence: string;
  horizon: string;
  n: number;
  bps: Estimate;
  cost_bps: number;
  expires: string;
  demoted: string;
}

interface VerdictFile {
  venue: string;
  symbols: string[];
  timeframe: string;
  start: string;
  end: string;
  date: string;
  factors: Record<string, Verdict>;
}

type Cell = string | number | boolean | null | Estimate;

interface FactorPage {
  title: string;
  hypothesis: string;
  prior: string;
  verdict: string;
  sentence: string;
  command: string;
  gates: { number: number; name: string; passed: boolean | null; sentence: string }[];
  tables: { id: string; title: string; question: string; rows: { label: string; cells: Record<string, Cell>; note: string }[] }[];
  notes: string[];
}

export interface EvidencePage {
  element: HTMLElement;
  show(): Promise<void>;
}

export function evidencePage(session: Session): EvidencePage {
  const element = h("main", { class: "paper", tabindex: -1, "aria-label": "Evidence" });
  let shown: string | null = null;

  async function show(): Promise<void> {
    const { detail } = session.settings.value;
    if (detail === shown) return;
    shown = detail;
    fill(element, h("h1", {}, "Evidence"), h("p", { class: "muted" }, "Reading…"));
    try {
      if (detail) drawFactor(detail, await getJson<FactorPage>(`/api/evidence/${encodeURIComponent(detail)}`));
      else drawAll(await getJson<VerdictFile>("/api/evidence"));
      element.scrollTop = 0;
    } catch (fault) {
      shown = null;
      if (!(fault instanceof Refused)) throw fault;
      fill(element, h("h1", {}, "Evidence"), refusal(fault));
    }
  }

  function drawAll(file: VerdictFile): void {
    const factors = Object.values(file.factors);
    fill(
      element,
      h("h1", {}, "Evidence: what each factor has been worth"),
      h("p", { class: "muted" }, `${file.venue} ${file.symbols.join(", ")}, ${file.timeframe}, ${file.start} to ${file.end}, judged ${file.date}. A factor is unproven until it beats costs against matched moments in data it was not chosen on.`),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Verdicts" },
        h(
          "table",
          { class: "evidence" },
          h("thead", {}, h("tr", {}, ...["factor", "verdict", "horizon", "events", "effect, bps [95 %]", "in words"].map((text) => h("th", { scope: "col" }, text)))),
          h(
            "tbody",
            {},
            ...factors.map((factor) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, h("button", { class: "link", onclick: () => session.change({ detail: factor.name }) }, capital(spoken(factor.name)))),
                h("td", {}, h("span", { class: "verdict", "data-verdict": factor.verdict.toLowerCase() }, factor.verdict.toLowerCase())),
                h("td", {}, factor.horizon),
                h("td", {}, String(factor.n)),
                h("td", {}, estimate(factor.bps, (x) => x.toFixed(1))),
                h("td", { class: "words" }, factor.demoted || factor.sentence),
              ),
            ),
          ),
        ),
      ),
    );
  }

  function drawFactor(name: string, page: FactorPage): void {
    const picture = h("img", { class: "evidence-picture", src: `/api/evidence/${encodeURIComponent(name)}/picture`, alt: `Effect of ${page.title} by horizon, equity, and the bands of random moments` });
    picture.addEventListener("error", () => picture.remove());
    fill(
      element,
      h("button", { onclick: () => session.change({ detail: "" }) }, "← all factors"),
      h("h1", {}, page.title, " ", h("span", { class: "verdict", "data-verdict": page.verdict.toLowerCase() }, page.verdict.toLowerCase())),
      h("p", {}, page.sentence),
      h("p", { class: "muted" }, `Asked: ${page.hypothesis}. Known before: ${page.prior}.`),
      picture,
      h("h2", {}, "Gates"),
      h("ul", { class: "gates" }, ...page.gates.map((gate) => h("li", { "data-passed": String(gate.passed) }, h("b", {}, `${gate.number} ${gate.name}: ${gate.passed === null ? "not reached" : gate.passed ? "passed" : "failed"}. `), gate.sentence))),
      ...page.tables.flatMap((table) => [h("h2", {}, `${table.id}. ${table.title}`), h("p", { class: "muted" }, table.question), tableOf(table)]),
      h("h2", {}, "Notes"),
      h("ul", {}, ...page.notes.map((note) => h("li", {}, note))),
      h("p", { class: "muted" }, `Made by: ${page.command}`),
    );
  }

  return { element, show };
}

function tableOf(table: FactorPage["tables"][number]): HTMLElement {
  const headings = [...new Set(table.rows.flatMap((row) => Object.keys(row.cells)))];
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": table.title },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...["for", ...headings].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...table.rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.label), ...headings.map((heading) => h("td", {}, cell(row.cells[heading])))))),
    ),
  );
}

function cell(value: Cell | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "object") return estimate(value, (x) => (Math.abs(x) < 10 ? x.toFixed(2) : x.toFixed(1)));
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en-US") : Number(value.toPrecision(3)).toString();
  return String(value);
}
