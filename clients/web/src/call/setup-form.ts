/** What does the person choose before a call? */

import type { Agent, CallRequest } from "../shared/api";
import { element, write } from "../shared/dom";
import { languageName } from "./words";

export type Choice = Omit<CallRequest, "tenantId" | "roomName">;

/** The form; `submitted` is called when its button is pressed, whatever that says. */
export class SetupForm {
  readonly #section = element("setup", HTMLElement);
  readonly #title = element("setup-title", HTMLElement);
  readonly #lead = element("lead", HTMLElement);
  readonly #form = element("form", HTMLFormElement);
  readonly #choices = element("choices", HTMLElement);
  readonly #agent = element("agent", HTMLSelectElement);
  readonly #language = element("language", HTMLSelectElement);
  readonly #name = element("name", HTMLInputElement);
  readonly #start = element("start", HTMLButtonElement);
  readonly #startLabel = element("start-label", HTMLElement);
  #agents: readonly Agent[] = [];
  #isGuest = false;

  constructor(submitted: () => void) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      submitted();
    });
    this.#agent.addEventListener("change", () => this.#offerLanguages());
  }

  /** What is filled in, or undefined if something is missing; then the browser says what. */
  choice(): Choice | undefined {
    if (!this.#form.reportValidity()) return undefined;
    return {
      agentId: this.#isGuest ? "" : this.#agent.value,
      voiceLanguage: this.#isGuest ? "" : this.#language.value,
      participantName: this.#name.value.trim(),
    };
  }

  offer(agents: readonly Agent[], preset: Partial<Choice>): void {
    this.#agents = agents;
    this.#agent.replaceChildren(...agents.map(({ agentId, name }) => new Option(name, agentId)));
    if (agents.some(({ agentId }) => agentId === preset.agentId)) {
      this.#agent.value = preset.agentId ?? "";
    }
    this.#agent.disabled = agents.length === 0;
    this.#start.disabled = agents.length === 0;
    write(this.#startLabel, this.#isGuest ? "Join the call" : "Start the call");
    this.#offerLanguages(preset.voiceLanguage);
    if (preset.participantName) this.#name.value = preset.participantName;
  }

  /** The call exists, and so do its agent and its language. */
  welcomeGuest(): void {
    this.#isGuest = true;
    this.#choices.hidden = true;
    write(this.#title, "Join the call");
    write(this.#lead, "You were invited to a call. Your browser will ask for the microphone.");
  }

  /** The button can be pressed once more, for what the label says. */
  offerAgain(label: string): void {
    this.#start.disabled = false;
    write(this.#startLabel, label);
  }

  nameOf(agentId: string): string {
    return this.#agents.find((agent) => agent.agentId === agentId)?.name ?? "Agent";
  }

  set hidden(hidden: boolean) {
    this.#section.hidden = hidden;
  }

  focus(): void {
    this.#start.focus();
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
