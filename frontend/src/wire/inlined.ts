// A page that carries its data: `<script id="snapshot" type="application/octet-stream+base64">`. A data block is never
// executed, so a strict Content-Security-Policy allows it, and the page needs no network.

export function inlinedFrame(page: Document): ArrayBuffer | null {
  const element = page.getElementById("snapshot");
  const text = element?.textContent?.trim();
  return text ? bytes(text) : null;
}

export function bytes(base64: string): ArrayBuffer {
  const text = atob(base64);
  const buffer = new ArrayBuffer(text.length);
  const view = new Uint8Array(buffer);
  for (let i = 0; i < text.length; i++) view[i] = text.charCodeAt(i);
  return buffer;
}
