/** How is the server asked, and how does it refuse? */

import { fields, list, text, timeMs } from "./protojson";

export interface Agent {
  readonly agentId: string;
  readonly name: string;
  readonly languages: readonly string[];
  readonly defaultLanguage: string;
}

export interface CallRequest {
  readonly participantName: string;
  /** May be empty where a room is joined: the call has its agent. */
  readonly agentId: string;
  readonly voiceLanguage: string;
  readonly tenantId: string;
  /** Set to join a room that exists; otherwise a new one is created. */
  readonly roomName: string | undefined;
}

/** What is needed to enter the room of a call. */
export interface Admission {
  readonly connectionId: string;
  readonly roomName: string;
  readonly accessToken: string;
  readonly serverUrl: string;
  readonly participantId: string;
  readonly tokenExpiresAtMs: number | undefined;
  readonly agentId: string;
}

/** The server answered with a refusal; `message` is meant to be read by a person. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly reason: string;

  constructor(status: number, code: string, reason: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.reason = reason;
  }
}

/** The server gave no answer, or none in time. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The server answered with something that is not its own language. */
export class UnexpectedAnswer extends Error {
  override readonly name = "UnexpectedAnswer";
}

export async function listAgents(tenantId = "", key = ""): Promise<readonly Agent[]> {
  const query = tenantId === "" ? "" : `?${new URLSearchParams({ tenantId })}`;
  return agentsFrom(await ask("GET", `/livekit/agents${query}`, undefined, key));
}

/** Creates a call, or joins the one whose room is named. */
export async function openCall(request: CallRequest, key = ""): Promise<Admission> {
  const { participantName, agentId, voiceLanguage, tenantId, roomName } = request;
  const [path, body] =
    roomName === undefined
      ? ["/livekit/create-room", { participantName, agentId, voiceLanguage, tenantId }]
      : ["/livekit/join-room", { participantName, agentId, tenantId, roomName }];
  return admissionFrom(await ask("POST", path, body, key));
}

/** Outlives the page: it is also sent while the tab closes. */
export async function endCall(connectionId: string, key = ""): Promise<void> {
  await ask("POST", "/livekit/end-call", { connectionId }, key);
}

export function eventsPath(connectionId: string): string {
  return `/livekit/events/${encodeURIComponent(connectionId)}`;
}

/** Reads a refusal; a proxy in between may answer with a page instead of our JSON. */
export function apiErrorFrom(status: number, body: string): ApiError {
  const fallback = `The server answered with status ${status}.`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return new ApiError(status, "", "", fallback);
  }
  const refusal = fields(parsed);
  return new ApiError(
    status,
    // A gRPC gateway sends the code as a number, the seed's server as a name.
    String(refusal["code"] ?? ""),
    text(refusal["reason"]),
    text(refusal["message"]) || fallback,
  );
}

export function agentsFrom(answer: unknown): readonly Agent[] {
  const { agents } = fields(answer);
  if (!Array.isArray(agents)) throw new UnexpectedAnswer("The list of agents is not a list.");
  return list(agents).flatMap((agent) => {
    const agentId = text(agent["agentId"]);
    const named = Array.isArray(agent["languages"]) ? agent["languages"].map(text) : [];
    const languages = named.filter((language) => language !== "");
    const defaultLanguage = text(agent["defaultLanguage"]) || (languages[0] ?? "");
    if (agentId === "") return [];
    return [{ agentId, name: text(agent["name"]) || agentId, languages, defaultLanguage }];
  });
}

export function admissionFrom(answer: unknown): Admission {
  const given = fields(answer);
  const needed = {
    connectionId: text(given["connectionId"]),
    roomName: text(given["roomName"]),
    accessToken: text(given["accessToken"]),
    serverUrl: text(given["serverUrl"]),
  };
  for (const [name, value] of Object.entries(needed)) {
    if (value === "") throw new UnexpectedAnswer(`The server's answer has no ${name}.`);
  }
  return {
    ...needed,
    participantId: text(given["participantId"]),
    tokenExpiresAtMs: timeMs(given["tokenExpireTime"]),
    agentId: text(fields(given["call"])["agentId"]),
  };
}

/** The header that proves who asks; none without a key. */
export function authorization(key: string): Record<string, string> {
  return key === "" ? {} : { authorization: `Bearer ${key}` };
}

// Creating a call opens a room and a model session; longer than this and nobody is waiting.
const DEADLINE_MS = 30_000;

export async function ask(
  method: "GET" | "POST",
  path: string,
  body?: object,
  key = "",
): Promise<unknown> {
  let response: Response;
  let answer: string;
  try {
    response = await fetch(path, {
      method,
      // A gateway's refusals are plain text for whoever does not ask for more.
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...authorization(key),
      },
      body: body === undefined ? null : JSON.stringify(body),
      keepalive: method === "POST",
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    answer = await response.text();
  } catch (cause) {
    throw new Unreachable(`No answer to ${method} ${path}.`, { cause });
  }
  if (!response.ok) throw apiErrorFrom(response.status, answer);
  try {
    return JSON.parse(answer);
  } catch (cause) {
    throw new UnexpectedAnswer(`The answer to ${method} ${path} is not JSON.`, { cause });
  }
}
