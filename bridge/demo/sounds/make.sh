#!/bin/sh
# Makes the demo's sounds again. Needs Debian's espeak-ng 1.51 and sox 14.4.2.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say VOICE PITCH WORDS-A-MINUTE FILE TEXT: one utterance, 24 kHz 16-bit mono, silence trimmed.
say() {
    espeak-ng -v "$1" -p "$2" -s "$3" -w "$work/raw.wav" "$5"
    sox -D "$work/raw.wav" -r 24000 -b 16 -c 1 "$4" norm -6 \
        silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
}

# The caller: two questions with a pause between them, in which the agent begins to answer.
say en-gb 42 155 "$work/one.wav" "Hello! Can you hear me?"
say en-gb 42 155 "$work/two.wav" "Wait, please tell me the time in Lisbon."
sox -D "$work/one.wav" "$work/one-padded.wav" pad 0.3 2.2
sox -D "$work/two.wav" "$work/two-padded.wav" pad 0 0.3
sox -D "$work/one-padded.wav" "$work/two-padded.wav" ../speech.wav

# The agent of the demo's model.
say en-us+f3 60 160 greeting.wav "Hello, this is media bridge. I repeat what you say."
say en-us+f3 60 160 you-said.wav "You said:"
