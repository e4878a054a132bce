/** Why did the call end, or not begin, in plain words? */

import { ApiError, UnexpectedAnswer, Unreachable } from "../shared/api";
import type { Notice } from "../shared/notice";
import { fields } from "../shared/protojson";

export type Ending = Notice;

export const HUNG_UP: Ending = calm("You hung up", "USER_HUNG_UP");

export const LEFT: Ending = calm("You left the call", "PARTICIPANT_LEFT");

export const INSECURE: Ending = problem(
  "This page may not use the microphone",
  "Browsers allow it only on pages opened with https, or on this same machine as http://localhost. Open the page at one of those addresses.",
  "INSECURE_CONTEXT",
);

export const NO_AGENTS: Ending = operator("This server has no agent to talk to", "NO_AGENTS");

export const INSECURE_MEDIA: Ending = operator(
  "This page may not connect to an unencrypted LiveKit server",
  "INSECURE_MEDIA",
);

export const MEDIA_REFUSED: Ending = operator("LiveKit refused the call's token", "MEDIA_REFUSED");

export const TOKEN_EXPIRED: Ending = problem(
  "The call's token had expired",
  "It is good for some minutes only, and this device's clock must be right. Start the call again.",
  "TOKEN_EXPIRED",
);

/** By the server's END_REASON, without its prefix. */
const BY_REASON: Readonly<Record<string, Ending>> = {
  PARTICIPANT_LEFT: LEFT,
  AGENT_ENDED: calm("The agent ended the call", "AGENT_ENDED"),
  API_ENDED: calm("The call was ended", "API_ENDED"),
  MAX_DURATION: calm("The call reached its time limit", "MAX_DURATION"),
  IDLE_TIMEOUT: calm("The call ended because nobody spoke for a while", "IDLE_TIMEOUT"),
  JOIN_TIMEOUT: again("The call ended because you did not join in time", "JOIN_TIMEOUT"),
  PARTICIPANT_LOST: problem(
    "Your connection was lost",
    "Check your network, then call again.",
    "PARTICIPANT_LOST",
  ),
  PARTICIPANT_REMOVED: calm("You were removed from the call", "PARTICIPANT_REMOVED"),
  DUPLICATE_IDENTITY: calm("You joined this call from somewhere else", "DUPLICATE_IDENTITY"),
  ROOM_DELETED: calm("The call was closed by the server", "ROOM_DELETED"),
  MEDIA_CONNECT_FAILED: again("The agent could not join the call", "MEDIA_CONNECT_FAILED"),
  MEDIA_LOST: again("The agent lost its connection to the call", "MEDIA_LOST"),
  MODEL_AUTH: operator("The voice model refused the server's key", "MODEL_AUTH"),
  MODEL_QUOTA: operator("The voice model's quota is used up", "MODEL_QUOTA"),
  MODEL_RATE_LIMITED: again("The voice model is too busy", "MODEL_RATE_LIMITED"),
  MODEL_CONFIG_REJECTED: operator(
    "The voice model refused the agent's settings",
    "MODEL_CONFIG_REJECTED",
  ),
  MODEL_UNAVAILABLE: again("The voice model could not be reached", "MODEL_UNAVAILABLE"),
  MODEL_LOST: again("The connection to the voice model was lost", "MODEL_LOST"),
  MODEL_SESSION_EXPIRED: again(
    "The voice model's session reached its limit",
    "MODEL_SESSION_EXPIRED",
  ),
  BUDGET_EXCEEDED: calm("The call reached its budget", "BUDGET_EXCEEDED"),
  SERVER_DRAINING: again("The server is being restarted", "SERVER_DRAINING"),
  WORKER_LOST: again("The server that carried the call failed", "WORKER_LOST"),
  INTERNAL: again("Something went wrong on the server", "INTERNAL"),
};

/** By the name of LiveKit's DisconnectReason; the server's own reason, if it comes, is better. */
const BY_DISCONNECT: Readonly<Record<string, string>> = {
  // Nobody pressed anything: the page was left or put to sleep.
  CLIENT_INITIATED: "PARTICIPANT_LEFT",
  DUPLICATE_IDENTITY: "DUPLICATE_IDENTITY",
  SERVER_SHUTDOWN: "SERVER_DRAINING",
  // As the bridge ends a call, it puts those out who are still there.
  PARTICIPANT_REMOVED: "API_ENDED",
  ROOM_DELETED: "ROOM_DELETED",
  ROOM_CLOSED: "ROOM_DELETED",
  CONNECTION_TIMEOUT: "PARTICIPANT_LOST",
  SIGNAL_CLOSE: "PARTICIPANT_LOST",
  STATE_MISMATCH: "PARTICIPANT_LOST",
  MEDIA_FAILURE: "PARTICIPANT_LOST",
};

/** By the name of the DOMException that getUserMedia throws. */
const BY_MICROPHONE_ERROR: Readonly<Record<string, Ending>> = {
  NotAllowedError: problem(
    "The microphone is blocked",
    "Allow the microphone for this page in the browser's address bar or site settings, and in the system's privacy settings, then try again.",
    "MICROPHONE_BLOCKED",
  ),
  NotFoundError: problem(
    "No microphone was found",
    "Plug one in or switch it on, then try again.",
    "NO_MICROPHONE",
  ),
  NotReadableError: problem(
    "The microphone is in use",
    "Another program holds it. Close that program, then try again.",
    "MICROPHONE_BUSY",
  ),
  SecurityError: INSECURE,
};

export function endingFromReport(reason: string, fault: string): Ending {
  const known = BY_REASON[reason];
  if (known) return known;
  const code = reason || "UNKNOWN";
  const isNobodysFault = ["", "UNSPECIFIED", "NONE", "CALLER", "GATEWAY"].includes(fault);
  return isNobodysFault ? calm("The call ended", code) : again("The call was cut off", code);
}

export function endingFromDisconnect(name: string): Ending {
  const known = BY_REASON[BY_DISCONNECT[name] ?? ""];
  // Whatever else closes a room that nobody hung up, the person sees a lost connection.
  return known ?? problem("The connection was lost", TRY_NETWORK, name || "DISCONNECTED");
}

export function endingFromError(error: unknown): Ending {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const known = BY_MICROPHONE_ERROR[name];
  if (known) return known;
  if (error instanceof ApiError) {
    return problem(sentence(error.message), "", error.reason || error.code || `${error.status}`);
  }
  if (error instanceof Unreachable) {
    return problem("The server cannot be reached", TRY_NETWORK, "SERVER_UNREACHABLE");
  }
  if (error instanceof UnexpectedAnswer) {
    return operator("The server's answer makes no sense", "UNEXPECTED_ANSWER");
  }
  if (name === "ConnectionError") {
    // Of LiveKit's error, `reasonName` does not follow `reason`; the status does.
    const { status } = fields(error);
    if (status === 401 || status === 403) return MEDIA_REFUSED;
    return problem("The call could not be connected", TRY_NETWORK, "MEDIA_UNREACHABLE");
  }
  return problem("The call could not be started", "Try again.", name || "UNKNOWN");
}

const TRY_NETWORK = "Check your network, then try again.";

function calm(title: string, code: string): Ending {
  return { title, advice: "", isProblem: false, code };
}

function problem(title: string, advice: string, code: string): Ending {
  return { title, advice, isProblem: true, code };
}

function again(title: string, code: string): Ending {
  return problem(title, "Try again in a moment.", code);
}

function operator(title: string, code: string): Ending {
  return problem(title, "Only whoever runs this server can put that right.", code);
}

function sentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
