/** How is the microphone opened? */

import { createLocalAudioTrack, type LocalAudioTrack } from "livekit-client";

/** Browsers hide the microphone from pages that came over plain http from another machine. */
export function isMicrophoneReachable(): boolean {
  return window.isSecureContext && navigator.mediaDevices !== undefined;
}

/** Asks the person; raises the browser's DOMException if the answer is no or there is none. */
export function openMicrophone(): Promise<LocalAudioTrack> {
  return createLocalAudioTrack({
    // Without it the agent hears itself through loudspeakers and interrupts itself.
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: 1,
  });
}
