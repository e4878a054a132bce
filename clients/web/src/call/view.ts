/** What does the person see of the call, and what can they press? */

import { clockFace } from "../shared/clock-face";
import { element, write } from "../shared/dom";
import { type Notice, NoticeBox } from "../shared/notice";
import type { Call } from "./call";
import { isUnderWay } from "./lifecycle";
import { fraction } from "./meters";
import { SetupForm } from "./setup-form";
import type { Line } from "./transcript";
import { TranscriptList, type Voice } from "./transcript-list";
import { CONNECTION, company, doing, lasted } from "./words";

export interface Presses {
  start(): void;
  hangUp(): void;
  toggleMute(): void;
  allowSound(): void;
  invite(): void;
}

export class View {
  readonly setup: SetupForm;
  readonly #notice = new NoticeBox();
  readonly #connection = element("connection", HTMLElement);
  readonly #stage = element("stage", HTMLElement);
  readonly #orb = element("orb", HTMLElement);
  readonly #initial = element("initial", HTMLElement);
  readonly #who = element("who", HTMLElement);
  readonly #doing = element("doing", HTMLElement);
  readonly #company = element("company", HTMLElement);
  readonly #timer = element("timer", HTMLElement);
  readonly #allowSound = element("allow-sound", HTMLButtonElement);
  readonly #youRow = element("you-row", HTMLElement);
  readonly #youMeter = element("you-meter", HTMLElement);
  readonly #agentMeter = element("agent-meter", HTMLElement);
  readonly #mute = element("mute", HTMLButtonElement);
  readonly #muteLabel = element("mute-label", HTMLElement);
  readonly #hangUp = element("hang-up", HTMLButtonElement);
  readonly #hangUpLabel = element("hang-up-label", HTMLElement);
  readonly #invite = element("invite", HTMLButtonElement);
  readonly #invited = element("invited", HTMLElement);
  readonly #lines = new TranscriptList(
    element("lines", HTMLElement),
    element("no-lines", HTMLElement),
    element("announcer", HTMLElement),
  );

  constructor(presses: Presses) {
    this.setup = new SetupForm(presses.start);
    this.#hangUp.addEventListener("click", () => presses.hangUp());
    this.#mute.addEventListener("click", () => presses.toggleMute());
    this.#allowSound.addEventListener("click", () => presses.allowSound());
    this.#invite.addEventListener("click", () => presses.invite());
  }

  showProblem(problem: Notice | undefined): void {
    this.#notice.show(problem);
  }

  /** What became of an invitation. */
  showInvited(words: string): void {
    write(this.#invited, words);
  }

  show(call: Call): void {
    const underWay = isUnderWay(call.state);
    const wasUnderWay = !this.#stage.hidden;
    this.#connection.dataset["state"] = call.state;
    // What never stood has not ended.
    const neverStood = call.state === "ended" && call.connectedAt === undefined;
    write(this.#connection, CONNECTION[neverStood ? "idle" : call.state]);
    this.setup.hidden = underWay;
    this.#stage.hidden = !underWay;
    this.#showStage(call);

    if (underWay && !wasUnderWay) {
      this.showProblem(undefined);
      this.showInvited("");
      this.#who.focus();
    }
    if (call.state === "ended") {
      this.showProblem(call.ending && withLength(call.ending, call));
      this.setup.offerAgain(call.connectedAt === undefined ? "Try again" : "Call again");
      if (wasUnderWay) this.setup.focus();
    }
  }

  /** Called for every frame that is painted. */
  showLevels(call: Call, microphoneDbfs: number, agentDbfs: number): void {
    paint(this.#youMeter, call.isMuted ? Number.NEGATIVE_INFINITY : microphoneDbfs);
    const agentLevel = paint(this.#agentMeter, agentDbfs);
    this.#orb.style.setProperty("--level", agentLevel.toFixed(3));
    if (call.connectedAt !== undefined) {
      write(this.#timer, clockFace((call.endedAt ?? Date.now()) - call.connectedAt));
    }
  }

  #showStage(call: Call): void {
    const agentName = this.setup.nameOf(call.agentId);
    write(this.#who, agentName);
    write(this.#initial, agentName.charAt(0).toUpperCase());
    // While it changes with every turn of the talk, it would be read out over the agent's voice.
    this.#doing.ariaLive = call.state === "connected" ? "off" : "polite";
    write(this.#doing, doing(call));
    write(this.#company, company(call.others));
    this.#orb.dataset["state"] =
      call.state === "connected" ? (call.agentState ?? "waiting") : "waiting";
    const hasBegun = call.connectedAt !== undefined;
    this.#timer.hidden = !hasBegun;
    this.#allowSound.hidden = !call.isPlaybackBlocked;
    this.#mute.hidden = !hasBegun;
    this.#mute.classList.toggle("is-muted", call.isMuted);
    this.#invite.hidden = !hasBegun;
    write(this.#muteLabel, call.isMuted ? "Unmute" : "Mute");
    write(this.#hangUpLabel, hasBegun ? (call.isGuest ? "Leave" : "Hang up") : "Cancel");
    this.#youRow.classList.toggle("is-speaking", call.isUserSpeaking && !call.isMuted);
    this.#lines.show(call.transcript, (line) => voiceOf(line, call, agentName));
  }
}

function voiceOf(line: Line, call: Call, agentName: string): Voice {
  if (line.speaker === "agent") return { side: "agent", name: agentName };
  if (call.isUs(line.identity)) return { side: "you", name: "You" };
  return { side: "other", name: call.nameOf(line.identity) || "Somebody" };
}

function withLength(ending: Notice, call: Call): Notice {
  if (call.connectedAt === undefined || call.endedAt === undefined) return ending;
  const length = lasted(call.endedAt - call.connectedAt);
  return { ...ending, advice: [ending.advice, length].filter(Boolean).join(" ") };
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
