/** What does the person see of the call, and what can they press? */

import type { Agent, CallRequest } from "./api";
import type { Call } from "./call";
import type { Ending } from "./endings";
import type { AgentState } from "./events";
import { type CallState, isUnderWay } from "./lifecycle";
import { fraction } from "./meters";
import { TranscriptList } from "./transcript-list";

export interface Presses {
  start(): void;
  hangUp(): void;
  toggleMute(): void;
  allowSound(): void;
}

export type Choice = Omit<CallRequest, "tenantId" | "roomName">;

const CONNECTION: Readonly<Record<CallState, string>> = {
  idle: "Not connected",
  asking: "Connecting",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  ended: "Call ended",
};

const AGENT: Readonly<Record<AgentState, string>> = {
  idle: "Ready",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  tool: "Looking something up",
};

/** What the line under the agent's name says. */
export function doing(call: Call): string {
  switch (call.state) {
    case "asking":
      return "Allow the microphone when your browser asks";
    case "connecting":
      return "Connecting…";
    case "reconnecting":
      return "Your connection is unsteady, reconnecting…";
    case "connected":
      if (call.isAgentReconnecting) return "The agent is reconnecting…";
      if (call.agentState) return AGENT[call.agentState];
      return call.isAgentHere ? "On the line" : "Waiting for the agent…";
    default:
      return "";
  }
}

/** In words, for a call that is over. */
export function lasted(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const parts = [plural(minutes, "minute"), plural(seconds % 60, "second")].filter(Boolean);
  return `The call lasted ${parts.join(" ")}.`;
}

/** Minutes and seconds, as telephones show them. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class View {
  readonly #connection = element("connection", HTMLElement);
  readonly #notice = element("notice", HTMLElement);
  readonly #noticeTitle = element("notice-title", HTMLElement);
  readonly #noticeAdvice = element("notice-advice", HTMLElement);
  readonly #noticeCode = element("notice-code", HTMLElement);
  readonly #setup = element("setup", HTMLElement);
  readonly #form = element("form", HTMLFormElement);
  readonly #agent = element("agent", HTMLSelectElement);
  readonly #language = element("language", HTMLSelectElement);
  readonly #name = element("name", HTMLInputElement);
  readonly #start = element("start", HTMLButtonElement);
  readonly #startLabel = element("start-label", HTMLElement);
  readonly #stage = element("stage", HTMLElement);
  readonly #orb = element("orb", HTMLElement);
  readonly #initial = element("initial", HTMLElement);
  readonly #who = element("who", HTMLElement);
  readonly #doing = element("doing", HTMLElement);
  readonly #timer = element("timer", HTMLElement);
  readonly #allowSound = element("allow-sound", HTMLButtonElement);
  readonly #youRow = element("you-row", HTMLElement);
  readonly #youMeter = element("you-meter", HTMLElement);
  readonly #agentMeter = element("agent-meter", HTMLElement);
  readonly #mute = element("mute", HTMLButtonElement);
  readonly #muteLabel = element("mute-label", HTMLElement);
  readonly #hangUp = element("hang-up", HTMLButtonElement);
  readonly #hangUpLabel = element("hang-up-label", HTMLElement);
  readonly #lines = new TranscriptList(
    element("lines", HTMLElement),
    element("no-lines", HTMLElement),
    element("announcer", HTMLElement),
  );
  #agents: readonly Agent[] = [];

  constructor(presses: Presses) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      presses.start();
    });
    this.#agent.addEventListener("change", () => this.#offerLanguages());
    this.#hangUp.addEventListener("click", () => presses.hangUp());
    this.#mute.addEventListener("click", () => presses.toggleMute());
    this.#allowSound.addEventListener("click", () => presses.allowSound());
  }

  /** What is filled in, or undefined if something is missing; then the browser says what. */
  choice(): Choice | undefined {
    if (this.#agents.length === 0 || !this.#form.reportValidity()) return undefined;
    return {
      agentId: this.#agent.value,
      voiceLanguage: this.#language.value,
      participantName: this.#name.value.trim(),
    };
  }

  offerAgents(agents: readonly Agent[], preset: Partial<Choice>): void {
    this.#agents = agents;
    this.#agent.replaceChildren(...agents.map(({ agentId, name }) => new Option(name, agentId)));
    if (agents.some(({ agentId }) => agentId === preset.agentId)) {
      this.#agent.value = preset.agentId ?? "";
    }
    this.#agent.disabled = agents.length === 0;
    this.#start.disabled = agents.length === 0;
    write(this.#startLabel, "Start the call");
    this.#offerLanguages(preset.voiceLanguage);
    if (preset.participantName) this.#name.value = preset.participantName;
  }

  /** There is nothing to choose from yet; the button asks the server once more. */
  offerRetry(): void {
    this.#start.disabled = false;
    write(this.#startLabel, "Try again");
  }

  showProblem(ending: Ending | undefined): void {
    this.#notice.hidden = ending === undefined;
    if (ending === undefined) return;
    this.#notice.classList.toggle("calm", !ending.isProblem);
    this.#noticeTitle.textContent = ending.title;
    this.#noticeAdvice.textContent = ending.advice;
    this.#noticeCode.textContent = ending.isProblem ? ending.code : "";
  }

  show(call: Call): void {
    const underWay = isUnderWay(call.state);
    const wasUnderWay = !this.#stage.hidden;
    this.#connection.dataset["state"] = call.state;
    write(this.#connection, CONNECTION[call.state]);
    this.#setup.hidden = underWay;
    this.#stage.hidden = !underWay;

    const name = this.#agent.selectedOptions[0]?.text ?? "Agent";
    write(this.#who, name);
    write(this.#initial, name.charAt(0).toUpperCase());
    // While it changes with every turn of the talk, it would be read out over the agent's voice.
    this.#doing.ariaLive = call.state === "connected" ? "off" : "polite";
    write(this.#doing, doing(call));
    this.#orb.dataset["state"] =
      call.state === "connected" ? (call.agentState ?? "waiting") : "waiting";
    this.#timer.hidden = call.connectedAt === undefined;
    this.#allowSound.hidden = !call.isPlaybackBlocked;
    this.#mute.hidden = call.connectedAt === undefined;
    this.#mute.classList.toggle("is-muted", call.isMuted);
    write(this.#muteLabel, call.isMuted ? "Unmute" : "Mute");
    write(this.#hangUpLabel, call.connectedAt === undefined ? "Cancel" : "Hang up");
    this.#youRow.classList.toggle("is-speaking", call.isUserSpeaking && !call.isMuted);
    this.#lines.show(call.transcript, name);

    if (underWay && !wasUnderWay) {
      this.showProblem(undefined);
      this.#who.focus();
    }
    if (call.state === "ended") {
      this.showProblem(call.ending && withLength(call.ending, call));
      write(this.#startLabel, call.connectedAt === undefined ? "Try again" : "Call again");
      if (wasUnderWay) this.#start.focus();
    }
  }

  /** Called for every frame that is painted. */
  showLevels(call: Call, microphoneDbfs: number, agentDbfs: number): void {
    paint(this.#youMeter, call.isMuted ? Number.NEGATIVE_INFINITY : microphoneDbfs);
    const agentLevel = paint(this.#agentMeter, agentDbfs);
    this.#orb.style.setProperty("--level", agentLevel.toFixed(3));
    if (call.connectedAt !== undefined) {
      write(this.#timer, duration((call.endedAt ?? Date.now()) - call.connectedAt));
    }
  }

  #offerLanguages(wanted?: string): void {
    const agent = this.#agents.find(({ agentId }) => agentId === this.#agent.value);
    const languages = agent?.languages ?? [];
    this.#language.replaceChildren(
      ...languages.map((language) => new Option(languageName(language), language)),
    );
    const selected = [wanted, agent?.defaultLanguage].find((one) => languages.includes(one ?? ""));
    if (selected) this.#language.value = selected;
    this.#language.disabled = languages.length < 2;
  }
}

function withLength(ending: Ending, call: Call): Ending {
  if (call.connectedAt === undefined || call.endedAt === undefined) return ending;
  const length = lasted(call.endedAt - call.connectedAt);
  return { ...ending, advice: [ending.advice, length].filter(Boolean).join(" ") };
}

function plural(count: number, unit: string): string {
  if (count === 0) return "";
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Shows a level, falling more slowly than it rises, as the eye likes it. */
function paint(meter: HTMLElement, dbfs: number): number {
  const FALL = 0.06;
  const before = Number(meter.style.getPropertyValue("--level") || 0);
  const level = Math.max(fraction(dbfs), before - FALL, 0);
  meter.style.setProperty("--level", level.toFixed(3));
  meter.setAttribute("aria-valuenow", String(Math.max(-60, Math.round(dbfs))));
  return level;
}

function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Leaves the page alone if nothing changed, so that a live region does not speak again. */
function write(target: HTMLElement, words: string): void {
  if (target.textContent !== words) target.textContent = words;
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}`);
  return found;
}
