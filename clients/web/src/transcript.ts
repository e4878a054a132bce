/** What was said so far, in the order in which it was said? */

import type { CallEvent, Speaker } from "./events";

export interface Line {
  readonly itemId: string;
  readonly speaker: Speaker;
  readonly text: string;
  readonly final: boolean;
  readonly interrupted: boolean;
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

type TranscriptEvent = Extract<CallEvent, { kind: "transcript" }>;

function withText(transcript: Transcript, event: TranscriptEvent): Transcript {
  const { itemId, speaker, text, final } = event;
  if (transcript.lines.some((line) => line.itemId === itemId)) {
    return withChange(transcript, itemId, { text, final });
  }
  if (text.trim() === "") return transcript;
  const line: Line = { itemId, speaker, text, final, interrupted: false };
  if (speaker === "agent") return { ...transcript, lines: [...transcript.lines, line] };
  const at = transcript.speechAt ?? transcript.lines.length;
  return { lines: transcript.lines.toSpliced(at, 0, line), speechAt: undefined };
}

function withChange(transcript: Transcript, itemId: string, change: Partial<Line>): Transcript {
  const lines = transcript.lines.map((line) =>
    line.itemId === itemId ? { ...line, ...change } : line,
  );
  return { ...transcript, lines };
}
