/** How do the parts make the operator's page? The only module of it with a life of its own. */

import { ApiError } from "../shared/api";
import { element, write } from "../shared/dom";
import { NoticeBox } from "../shared/notice";
import { afterDetails, afterSamples, EMPTY, listed, type WatchedCall } from "./board";
import { CallPanel } from "./call-panel";
import { CallsList } from "./calls-list";
import { type Capacity, Server } from "./server";

const CAPACITY_EVERY_MS = 5_000;

const connection = element("connection", HTMLElement);
const capacity = element("capacity", HTMLElement);
const credentials = element("credentials", HTMLElement);
const key = element("key", HTMLInputElement);
const notice = new NoticeBox();
const list = new CallsList((connectionId) => {
  choose(connectionId);
  // So that the address can be handed on.
  location.hash = connectionId;
  panel.focus();
});
const panel = new CallPanel(() => void endChosen());

let server = new Server("");
let board = EMPTY;
let chosen: string | undefined;
let events: { close(): void } | undefined;
/** The state in which a call's details were last asked for: they change with it. */
const lookedUp = new Map<string, string>();

window.addEventListener("hashchange", () => choose(location.hash.slice(1) || undefined));
element("credentials-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  credentials.hidden = true;
  server = new Server(key.value.trim());
  follow();
});
setInterval(() => void askCapacity(), CAPACITY_EVERY_MS);
chosen = location.hash.slice(1) || undefined;
follow();

/** Follows all calls from now on, until the server refuses. */
function follow(): void {
  notice.show(undefined);
  events?.close();
  events = undefined;
  board = EMPTY;
  lookedUp.clear();
  showConnection("connecting", "Connecting");
  server.figures(
    (samples) => {
      board = afterSamples(board, samples);
      for (const call of board.values()) lookUp(call);
      const isThere = chosen !== undefined && board.has(chosen);
      choose(isThere ? chosen : listed(board)[0]?.connectionId);
      paint();
    },
    {
      connected: (is) =>
        is ? showConnection("connected", "Live") : showConnection("reconnecting", "Reconnecting"),
      over: refused,
    },
  );
  void askCapacity();
}

function refused(refusal: ApiError | undefined): void {
  showConnection("ended", "Not connected");
  const isUnknown = refusal?.status === 401;
  if (isUnknown || refusal?.status === 403) {
    credentials.hidden = false;
    key.focus();
    // Without a key there was nothing to refuse yet.
    if (isUnknown && key.value === "") return;
  }
  notice.show({
    title: refusal?.message ?? "The server has no more to tell",
    advice: "",
    isProblem: true,
    code: refusal?.reason ?? "",
  });
}

function choose(connectionId: string | undefined): void {
  if (connectionId === chosen && events !== undefined) return;
  events?.close();
  events = undefined;
  chosen = connectionId;
  panel.clear();
  if (connectionId !== undefined && board.has(connectionId)) {
    events = server.events(connectionId, (told) => panel.tell(told));
  }
  paint();
}

async function endChosen(): Promise<void> {
  if (chosen === undefined) return;
  try {
    await server.end(chosen);
    notice.show(undefined);
  } catch (error) {
    const code = error instanceof ApiError ? error.reason : "SERVER_UNREACHABLE";
    notice.show({
      title: "The call was not ended",
      advice: error instanceof Error ? error.message : "",
      isProblem: true,
      code,
    });
  }
}

/** Asks who is in a call, once for each state it is in. */
function lookUp({ connectionId, isLive, samples }: WatchedCall): void {
  const state = isLive ? (samples.at(-1)?.state ?? "") : "ENDED";
  if (lookedUp.get(connectionId) === state) return;
  lookedUp.set(connectionId, state);
  server.details(connectionId).then(
    (details) => {
      board = afterDetails(board, connectionId, details);
      paint();
    },
    // With the next figures it is asked again.
    () => lookedUp.delete(connectionId),
  );
}

async function askCapacity(): Promise<void> {
  if (!credentials.hidden) return;
  try {
    write(capacity, inWords(await server.capacity()));
  } catch {
    write(capacity, "");
  }
}

function inWords({ live, slots, isDraining }: Capacity): string {
  return `${live} of ${slots} slots in use${isDraining ? ", taking no new calls" : ""}`;
}

function showConnection(state: string, words: string): void {
  connection.dataset["state"] = state;
  write(connection, words);
}

function paint(): void {
  list.show(board, chosen);
  panel.show(chosen === undefined ? undefined : board.get(chosen));
}
