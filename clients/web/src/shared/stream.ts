/** How are server-sent events received, for as long as they are wanted? */

import { type ApiError, apiErrorFrom, authorization } from "./api";

/** One event as it was sent. */
export interface Message {
  /** Empty if it has none. */
  readonly id: string;
  readonly data: string;
}

export interface StreamUse {
  /** Proves who asks, where that is asked for; an EventSource could not send it. */
  readonly key?: string;
  deliver(message: Message): void;
  /** The connection stands, or it broke and will be tried again. */
  connected?(is: boolean): void;
  /** It is over: the server has no more, or refuses for a reason that does not pass by itself. */
  over?(refusal: ApiError | undefined): void;
}

const RETRY_MS = 2_000;
// The server breaks its silence every 15 s; whoever is silent for longer is gone.
const SILENCE_MS = 40_000;
// No use in coming back with the same request.
const FINAL = new Set([400, 401, 403, 404]);

/**
 * Delivers what is sent until `close`, or until it is over. A connection that breaks is made again;
 * the server is told the last id that was seen, and sends what was missed.
 */
export function openStream(path: string, use: StreamUse): { close(): void } {
  const closing = new AbortController();
  void follow(path, use, closing.signal);
  return { close: () => closing.abort() };
}

async function follow(path: string, use: StreamUse, closing: AbortSignal): Promise<void> {
  let lastId = "";
  while (!closing.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    closing.addEventListener("abort", stop);
    try {
      const response = await fetch(path, {
        headers: {
          accept: "text/event-stream, application/json",
          ...(lastId === "" ? {} : { "last-event-id": lastId }),
          ...authorization(use.key ?? ""),
        },
        cache: "no-store",
        signal: attempt.signal,
      });
      if (response.status === 204) return use.over?.(undefined);
      if (FINAL.has(response.status)) {
        return use.over?.(apiErrorFrom(response.status, await response.text()));
      }
      if (response.ok && response.body) {
        use.connected?.(true);
        for await (const message of messagesOf(response.body, stop)) {
          if (closing.aborted) return;
          lastId = message.id || lastId;
          use.deliver(message);
        }
      }
    } catch {
      // The network broke, or it was us: the loop's condition knows.
    } finally {
      closing.removeEventListener("abort", stop);
    }
    if (closing.aborted) return;
    use.connected?.(false);
    await pause(closing);
  }
}

async function* messagesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  giveUp: () => void,
): AsyncGenerator<Message> {
  const parser = new MessageParser();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  while (true) {
    const silence = setTimeout(giveUp, SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    yield* parser.feed(value);
  }
}

/** Takes a stream of text to pieces, wherever it is cut. */
export class MessageParser {
  #rest = "";
  #id = "";
  #data: string[] = [];

  /** The messages that are complete with this text. */
  feed(more: string): Message[] {
    const messages: Message[] = [];
    const lines = (this.#rest + more).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const [field, value] = fieldOf(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (field === "data") this.#data.push(value);
      else if (field === "id") this.#id = value;
      else if (field === "" && value === "") {
        if (this.#data.length > 0) messages.push({ id: this.#id, data: this.#data.join("\n") });
        this.#data = [];
        this.#id = "";
      }
    }
    return messages;
  }
}

/** A comment has no field but a value; an empty line has neither. */
function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), colon > 0 && value.startsWith(" ") ? value.slice(1) : value];
}

/** Waits until it is worth trying again: sooner if the network is back. */
function pause(closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      closing.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, RETRY_MS);
    window.addEventListener("online", done);
    closing.addEventListener("abort", done);
  });
}
