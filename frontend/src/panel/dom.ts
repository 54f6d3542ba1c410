// Elements without a framework. Styles are classes or CSSOM properties; a style attribute would need a laxer policy.

type Child = Node | string | null | undefined | false;
type Value = string | number | boolean | ((event: never) => void) | undefined;

/** h("button", { class: "chip", onclick: f, "aria-label": "…" }, "text") */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** Replace what is inside. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => !!child));
}

export function place(element: HTMLElement, properties: Record<string, string>): void {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}

/** A modal dialog that closes on Escape and on a click beside it, and gives the focus back. */
export function dialog(title: string, name: string, ...children: Child[]): HTMLDialogElement {
  const element = h(
    "dialog",
    { class: `dialog ${name}`, "aria-label": title },
    h("div", { class: "dialog-head" }, h("h2", {}, title), h("button", { class: "close", "aria-label": "Close", onclick: () => element.close() }, "×")),
    ...children,
  );
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close();
  });
  return element;
}
