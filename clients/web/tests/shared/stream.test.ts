import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../src/shared/api";
import { type Message, MessageParser, openStream } from "../../src/shared/stream";

test("messages are found wherever the text is cut", () => {
  const whole = ': still here\n\nid: 1\ndata: {"a":1}\n\ndata: two\r\ndata:lines\r\n\r\n';
  const parser = new MessageParser();
  const messages = [...whole].flatMap((letter) => parser.feed(letter));
  expect(messages).toEqual([
    { id: "1", data: '{"a":1}' },
    { id: "", data: "two\nlines" },
  ]);
});

test("a message that is not complete is not delivered", () => {
  expect(new MessageParser().feed("data: almost\n")).toEqual([]);
});

/** What a server answers, request by request; the last one is followed by silence. */
function serving(...answers: (Response | Error)[]) {
  const asked = vi.fn(async (_path: string, init: RequestInit) => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer ?? new Response(silence(init.signal));
  });
  vi.stubGlobal("fetch", asked);
  return asked;
}

function silence(signal: AbortSignal | null | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
    },
  });
}

const headersOf = (asked: ReturnType<typeof serving>, request: number) =>
  new Headers(asked.mock.calls[request]?.[1].headers);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", page);
});

const page = new EventTarget();

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a stream that breaks goes on behind the last message seen", async () => {
  const got: string[] = [];
  const connected: boolean[] = [];
  const asked = serving(
    new Response("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"),
    new Error("no network"),
    new Response("id: 3\ndata: c\n\n"),
  );
  const stream = openStream("/events", {
    key: "k",
    deliver: ({ data }: Message) => got.push(data),
    connected: (is) => connected.push(is),
  });
  await vi.advanceTimersByTimeAsync(5_000);
  stream.close();
  expect(got).toEqual(["a", "b", "c"]);
  expect(connected).toEqual([true, false, false, true, false]);
  expect(headersOf(asked, 0).get("last-event-id")).toBeNull();
  expect(headersOf(asked, 2).get("last-event-id")).toBe("2");
  expect(headersOf(asked, 2).get("authorization")).toBe("Bearer k");
});

test("a network that is back is used at once", async () => {
  const asked = serving(new Error("no network"));
  const stream = openStream("/events", { deliver: () => {} });
  await vi.advanceTimersByTimeAsync(0);
  page.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toHaveBeenCalledTimes(2);
  stream.close();
});

test("a connection that is silent for too long is made anew", async () => {
  const asked = serving();
  const stream = openStream("/events", { deliver: () => {} });
  await vi.advanceTimersByTimeAsync(39_000);
  expect(asked).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked).toHaveBeenCalledTimes(2);
  stream.close();
});

test.each([
  [204, undefined],
  [401, new ApiError(401, "16", "", "who are you?")],
  [404, new ApiError(404, "16", "", "who are you?")],
])("after a %d nobody asks again", async (status, refusal) => {
  const over = vi.fn();
  const body = status === 204 ? null : '{"code":16,"message":"who are you?"}';
  const asked = serving(new Response(body, { status }));
  openStream("/events", { deliver: () => {}, over });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(over.mock.calls).toEqual([[refusal]]);
  expect(asked).toHaveBeenCalledTimes(1);
});

test("a server that is away for a while is asked again", async () => {
  const asked = serving(new Response("", { status: 503 }));
  const stream = openStream("/events", { deliver: () => {} });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(asked).toHaveBeenCalledTimes(2);
  stream.close();
});

test("a stream that is closed asks no more", async () => {
  const asked = serving();
  const stream = openStream("/events", { deliver: () => {} });
  await vi.advanceTimersByTimeAsync(0);
  stream.close();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked).toHaveBeenCalledTimes(1);
});
