/** How do the parts make the operator's page? The only module of it with a life of its own. */

import { ApiError } from "../shared/api";
import { Credentials } from "../shared/credentials";
import { element, write } from "../shared/dom";
import { NoticeBox } from "../shared/notice";
import { CallPanel } from "./call-panel";
import { CallsList } from "./calls-list";
import { type Capacity, Server } from "./server";
import { type Audience, Watching } from "./watching";

const CAPACITY_EVERY_MS = 5_000;

const connection = element("connection", HTMLElement);
const capacity = element("capacity", HTMLElement);
const credentials = new Credentials(() => {
  watching.stop();
  server = new Server(credentials.key);
  watching = watch();
});
const notice = new NoticeBox();
const list = new CallsList((connectionId) => {
  watching.choose(connectionId);
  // So that the address can be handed on.
  location.hash = connectionId;
  panel.focus();
});
const panel = new CallPanel(() => void endChosen());

const audience: Audience = {
  changed() {
    list.show(watching.board, watching.chosen?.connectionId);
    panel.show(watching.chosen);
  },
  chose: () => panel.clear(),
  told: (event) => panel.tell(event),
  connected: (is) =>
    is ? showConnection("connected", "Live") : showConnection("reconnecting", "Reconnecting"),
  over: refused,
};

let server = new Server("");
let watching = watch();

window.addEventListener("hashchange", () => watching.choose(location.hash.slice(1)));
setInterval(() => void askCapacity(), CAPACITY_EVERY_MS);

/** Begins anew: with another key other calls may be seen. */
function watch(): Watching {
  notice.show(undefined);
  showConnection("connecting", "Connecting");
  void askCapacity();
  return new Watching(server, audience, location.hash.slice(1) || undefined);
}

function refused(refusal: ApiError | undefined): void {
  showConnection("ended", "Not connected");
  if (credentials.askAfter(refusal)) return;
  notice.show({
    title: refusal?.message ?? "The server has no more to tell",
    advice: "",
    isProblem: true,
    code: refusal?.reason ?? "",
  });
}

async function endChosen(): Promise<void> {
  const { chosen } = watching;
  if (chosen === undefined) return;
  try {
    await server.end(chosen.connectionId);
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

async function askCapacity(): Promise<void> {
  if (credentials.areAskedFor) return;
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
