// A request that was refused, as a box on the page.
import type { Refused } from "../wire/http";
import { h } from "../panel/dom";

export function refusal(fault: Refused): HTMLElement {
  return h("div", { class: "notice-box", role: "status" }, h("strong", {}, fault.sentence), h("p", {}, fault.todo), fault.status === 401 && h("a", { href: "/login" }, "Log in"));
}
