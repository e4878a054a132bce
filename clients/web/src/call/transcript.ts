/** What was said so far, in the order in which it was said? */

import type { CallEvent, Speaker } from "../shared/events";

export interface Line {
  readonly itemId: string;
  readonly speaker: Speaker;
  readonly identity: string;
  readonly text: string;
  readonly final: boolean;
  readonly interrupted: boolean;
  /** How long the person waited for this answer; undefined where it answers nobody. */
  readonly waitedMs: number | undefined;
}

export interface Transcript {
  readonly lines: readonly Line[];
  /** Where the person's last speech began; its text often comes after the answer to it. */
  readonly speechAt: number | undefined;
  /** Of an answer whose sound has begun, but none of its words has been told yet. */
  readonly waitedMs: number | undefined;
}

export const EMPTY: Transcript = { lines: [], speechAt: undefined, waitedMs: undefined };

/** The transcript after one event; the same object if the event says nothing about it. */
export function after(transcript: Transcript, event: CallEvent): Transcript {
  switch (event.kind) {
    case "userSpeech":
      if (!event.speaking) return transcript;
      return { ...transcript, speechAt: transcript.lines.length, waitedMs: undefined };
    case "answered":
      return { ...transcript, waitedMs: event.waitedMs };
    case "transcript":
      return withText(transcript, event);
    case "interruption":
      return withChange(transcript, event.itemId, { interrupted: true });
    default:
      return transcript;
  }
}

type TranscriptEvent = Extract<CallEvent, { kind: "transcript" }>;

function withText(transcript: Transcript, event: TranscriptEvent): Transcript {
  const { kind: _, ...said } = event;
  if (transcript.lines.some((line) => line.itemId === said.itemId)) {
    return withChange(transcript, said.itemId, said);
  }
  if (said.text.trim() === "") return transcript;
  if (said.speaker === "agent") {
    const line = { ...said, interrupted: false, waitedMs: transcript.waitedMs };
    return { ...transcript, lines: [...transcript.lines, line], waitedMs: undefined };
  }
  const line = { ...said, interrupted: false, waitedMs: undefined };
  const at = transcript.speechAt ?? transcript.lines.length;
  return { ...transcript, lines: transcript.lines.toSpliced(at, 0, line), speechAt: undefined };
}

function withChange(transcript: Transcript, itemId: string, change: Partial<Line>): Transcript {
  const lines = transcript.lines.map((line) =>
    line.itemId === itemId ? { ...line, ...change } : line,
  );
  return { ...transcript, lines };
}
