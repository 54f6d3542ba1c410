// GET with the browser's own cache (the server sends ETags); a failure is a sentence with something to do.

export class Refused extends Error {
  constructor(
    readonly sentence: string,
    readonly todo: string,
    readonly status: number,
  ) {
    super(sentence);
  }
}

export type Query = Record<string, string | number | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) parameters.set(name, String(value));
  }
  const tail = parameters.toString();
  return tail ? `${path}?${tail}` : path;
}

async function get(path: string, query: Query, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path, query), { credentials: "same-origin", ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Refused("The server does not answer.", "Start it again with 'perpscope serve' or 'perpscope live'.", 0);
  }
  if (!response.ok) {
    const said = (await response.json().catch(() => null)) as { sentence?: string; todo?: string } | null;
    throw new Refused(
      said?.sentence ?? `The server answered ${response.status}.`,
      said?.todo ?? "Look at the server's log.",
      response.status,
    );
  }
  return response;
}

export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await (await get(path, query, signal)).json()) as T;
}

export async function getFrame(path: string, query: Query = {}, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await get(path, query, signal)).arrayBuffer();
}
