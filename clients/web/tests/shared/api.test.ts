import { afterEach, expect, test, vi } from "vitest";
import {
  ApiError,
  admissionFrom,
  agentsFrom,
  apiErrorFrom,
  endCall,
  listAgents,
  openCall,
  UnexpectedAnswer,
  Unreachable,
} from "../../src/shared/api";

afterEach(() => vi.unstubAllGlobals());

function answering(body: string, status = 200) {
  const server = vi.fn(async (_path: string, _init: RequestInit) => new Response(body, { status }));
  vi.stubGlobal("fetch", server);
  return server;
}

const ADMISSION = { connectionId: "c", roomName: "r", accessToken: "t", serverUrl: "ws://lk" };
const REQUEST = { participantName: "Ada", agentId: "a", voiceLanguage: "en", tenantId: "x" };

test("a refusal keeps the server's words", () => {
  const error = apiErrorFrom(429, '{"code":"X","reason":"CALL_LIMIT","message":"all slots used"}');
  expect(error).toMatchObject({ status: 429, code: "X", reason: "CALL_LIMIT" });
  expect(error.message).toBe("all slots used");
});

test.each(["<html>Bad gateway</html>", "", "[]", "{}"])(
  "a refusal of %j names the status",
  (body) => {
    expect(apiErrorFrom(502, body).message).toBe("The server answered with status 502.");
  },
);

test("a numeric code is kept", () => {
  expect(apiErrorFrom(429, '{"code":8,"message":"no"}').code).toBe("8");
});

test("an error status becomes an ApiError", async () => {
  answering('{"message":"no such agent"}', 404);
  await expect(listAgents()).rejects.toThrow(new ApiError(404, "", "", "no such agent"));
});

test("a key goes along with what opens a call, and with the list before it", async () => {
  const server = answering(JSON.stringify({ ...ADMISSION, agents: [] }));
  await listAgents("", "k");
  await openCall({ ...REQUEST, roomName: undefined }, "k");
  await openCall({ ...REQUEST, roomName: "r" }, "k");
  const sent = server.mock.calls.map(([, init]) => new Headers(init.headers).get("authorization"));
  expect(sent).toEqual(["Bearer k", "Bearer k", "Bearer k"]);
});

test("no answer becomes Unreachable", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(listAgents()).rejects.toThrow(Unreachable);
});

test("an answer that is not JSON is unexpected", async () => {
  answering("hello");
  await expect(listAgents()).rejects.toThrow(UnexpectedAnswer);
});

test("an agent without a name or a default gets them from what it has", () => {
  expect(agentsFrom({ agents: [{ agentId: "desk", languages: ["de", "en"] }, {}] })).toEqual([
    { agentId: "desk", name: "desk", languages: ["de", "en"], defaultLanguage: "de" },
  ]);
});

test("an admission with a part missing says which", () => {
  expect(admissionFrom({ ...ADMISSION, status: "created" })).toMatchObject(ADMISSION);
  expect(() => admissionFrom({ ...ADMISSION, accessToken: "" })).toThrow("no accessToken");
});

test("a call is created, unless a room is named to join", async () => {
  const server = answering(JSON.stringify(ADMISSION));
  await openCall({ ...REQUEST, roomName: undefined });
  await openCall({ ...REQUEST, roomName: "r" });
  await endCall("c");
  expect(server.mock.calls.map(([path, init]) => [path, JSON.parse(String(init.body))])).toEqual([
    ["/livekit/create-room", REQUEST],
    ["/livekit/join-room", { participantName: "Ada", agentId: "a", tenantId: "x", roomName: "r" }],
    ["/livekit/end-call", { connectionId: "c" }],
  ]);
});

test("an admission tells who one is, with whom, and until when", () => {
  const told = {
    participantId: "p",
    tokenExpireTime: "1970-01-01T00:10:00Z",
    call: { agentId: "a" },
  };
  expect(admissionFrom({ ...ADMISSION, ...told })).toMatchObject({
    participantId: "p",
    tokenExpiresAtMs: 600_000,
    agentId: "a",
  });
});

test("a key is sent as a bearer token, and none is not", async () => {
  const server = answering("{}");
  await endCall("c", "mbk_1");
  await endCall("c");
  const sent = server.mock.calls.map(([, init]) => new Headers(init.headers).get("authorization"));
  expect(sent).toEqual(["Bearer mbk_1", null]);
});
