/** What was said so far, in the order in which it was said, and how soon was it answered? */

import type { CallEvent, Speaker } from "../shared/events";

export interface Line {
  readonly itemId: string;
  readonly speaker: Speaker;
  readonly identity: string;
  readonly text: string;
  readonly final: boolean;
  readonly interrupted: boolean;
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
}

export interface Transcript {
  readonly lines: readonly Line[];
  /** Where the person's last speech began; its text often comes after the answer to it. */
  readonly speechAt: number | undefined;
}

export const EMPTY: Transcript = { lines: [], speechAt: undefined };

/** The transcript after one event; the same object if the event says nothing about it. */
export function after(transcript: Transcript, event: CallEvent): Transcript {
  switch (event.kind) {
    case "userSpeech":
      return event.speaking ? { ...transcript, speechAt: transcript.lines.length } : transcript;
    case "transcript":
      return withText(transcript, event);
    case "interruption":
      return withChange(transcript, event.itemId, { interrupted: true });
    default:
      return transcript;
  }
}

/**
 * What the person waited for an answer: from the end of their words to its first sound. Undefined
 * where the line answers nobody, or it is not known when the words ended.
 */
export function waitedMs(lines: readonly Line[], index: number): number | undefined {
  const [asked, answer] = [lines[index - 1], lines[index]];
  if (asked?.speaker !== "user" || answer?.speaker !== "agent") return undefined;
  if (asked.endMs === undefined || answer.startMs === undefined) return undefined;
  const waited = answer.startMs - asked.endMs;
  // The agent was speaking already: that is no answer.
  return waited >= 0 ? waited : undefined;
}

type TranscriptEvent = Extract<CallEvent, { kind: "transcript" }>;

function withText(transcript: Transcript, event: TranscriptEvent): Transcript {
  const { kind: _, ...said } = event;
  if (transcript.lines.some((line) => line.itemId === said.itemId)) {
    return withChange(transcript, said.itemId, said);
  }
  if (said.text.trim() === "") return transcript;
  const line: Line = { ...said, interrupted: false };
  if (said.speaker === "agent") return { ...transcript, lines: [...transcript.lines, line] };
  const at = transcript.speechAt ?? transcript.lines.length;
  return { lines: transcript.lines.toSpliced(at, 0, line), speechAt: undefined };
}

function withChange(transcript: Transcript, itemId: string, change: Partial<Line>): Transcript {
  const lines = transcript.lines.map((line) =>
    line.itemId === itemId ? { ...line, ...change } : line,
  );
  return { ...transcript, lines };
}
