/** How do the parts make a page? The only module with a life of its own. */

import { type Room, setLogLevel } from "livekit-client";
import { listAgents } from "../shared/api";
import { Credentials } from "../shared/credentials";
import { Call } from "./call";
import { endingFromError, INSECURE, NO_AGENTS } from "./endings";
import type { CallState } from "./lifecycle";
import { FLOOR_DBFS, Meter } from "./meters";
import { isMicrophoneReachable } from "./microphone";
import { View } from "./view";

/** What tests and curious people may read at `window.mediabridge`. */
interface Probe {
  readonly state: CallState;
  readonly connectionId: string | undefined;
  readonly room: Room | undefined;
  agentLevelDbfs(): number;
  dominantAgentFrequencyHz(): number;
}

declare global {
  interface Window {
    mediabridge: Probe;
  }
}

/** `?agent=…&language=…&name=…&tenant=…&room=…&autostart=1`, all optional. */
const wishes = new URLSearchParams(location.search);

let call: Call | undefined;
let isPrepared = false;
let audio: { context: AudioContext; microphone: Meter; agent: Meter } | undefined;

const roomName = wishes.get("room") || undefined;

const credentials = new Credentials(() => void prepare());
const view = new View({
  start: () => void (isPrepared ? start() : prepare()),
  hangUp: () => call?.hangUp(),
  toggleMute: () => void call?.toggleMute(),
  allowSound: () => {
    void call?.room.startAudio();
    void audio?.context.resume();
  },
  invite: () => void invite(),
});

window.mediabridge = {
  get state() {
    return call?.state ?? "idle";
  },
  get connectionId() {
    return call?.connectionId;
  },
  get room() {
    return call?.room;
  },
  agentLevelDbfs: () => audio?.agent.levelDbfs() ?? FLOOR_DBFS,
  dominantAgentFrequencyHz: () => audio?.agent.dominantFrequencyHz() ?? 0,
};

setLogLevel("warn");
if (roomName !== undefined) view.setup.welcomeGuest();
// Sound that was refused is granted with the next press, wherever it lands.
for (const press of ["pointerdown", "keydown"]) {
  window.addEventListener(press, () => void audio?.context.resume());
}
for (const turn of ["online", "offline"]) {
  window.addEventListener(turn, () => call && view.show(call));
}
window.addEventListener("pagehide", () => call?.hangUp());
void prepare();

async function prepare(): Promise<void> {
  try {
    const preset: Record<string, string> = {};
    for (const [wish, field] of [
      ["agent", "agentId"],
      ["language", "voiceLanguage"],
      ["name", "participantName"],
    ] as const) {
      const value = wishes.get(wish);
      if (value) preset[field] = value;
    }
    const agents = await listAgents(wishes.get("tenant") ?? "", credentials.key);
    isPrepared = agents.length > 0;
    view.setup.offer(agents, preset);
    view.showProblem(isPrepared ? undefined : NO_AGENTS);
  } catch (error) {
    view.showProblem(credentials.askAfter(error) ? undefined : endingFromError(error));
  }
  if (!isPrepared) view.setup.offerAgain("Try again");
  else if (!isMicrophoneReachable()) view.showProblem(INSECURE);
  else if (wishes.get("autostart") === "1") await start();
}

async function start(): Promise<void> {
  const choice = view.setup.choice();
  if (choice === undefined) return;
  const { microphone, agent } = openAudio();
  const started = new Call(
    { ...choice, tenantId: wishes.get("tenant") ?? "", roomName },
    credentials.key,
    // An earlier call may still be closing; the page belongs to the latest.
    {
      microphone: (track) => {
        if (call !== started) return;
        microphone.listenTo(track);
        // Without a press the browser grants sound only now, to a page that may listen.
        void audio?.context.resume();
      },
      agent: (track) => {
        if (call === started) agent.listenTo(track);
      },
    },
    () => call === started && view.show(started),
  );
  call = started;
  requestAnimationFrame(() => paintLevels(started));
  await started.start();
  credentials.askAfter(started.failure);
}

/** Hands out the address at which somebody else joins the call. */
async function invite(): Promise<void> {
  const inCall = call?.roomName;
  if (inCall === undefined) return;
  const address = new URL(location.pathname, location.origin);
  address.searchParams.set("room", inCall);
  const tenant = wishes.get("tenant");
  if (tenant) address.searchParams.set("tenant", tenant);
  try {
    if (navigator.share) await navigator.share({ url: address.href });
    else {
      await navigator.clipboard.writeText(address.href);
      view.showInvited("The link is copied. Whoever opens it joins this call.");
    }
  } catch {
    view.showInvited(`Whoever opens this joins the call: ${address.href}`);
  }
}

/** Needs a press to be allowed to sound, hence not before the first call. */
function openAudio(): NonNullable<typeof audio> {
  if (audio === undefined) {
    const context = new AudioContext();
    audio = { context, microphone: new Meter(context), agent: new Meter(context) };
  }
  void audio.context.resume();
  return audio;
}

function paintLevels(shown: Call): void {
  if (shown !== call || audio === undefined) return;
  view.showLevels(shown, audio.microphone.levelDbfs(), audio.agent.levelDbfs());
  if (shown.state !== "ended") requestAnimationFrame(() => paintLevels(shown));
}
